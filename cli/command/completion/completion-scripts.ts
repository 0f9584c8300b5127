/**
 * The scripts that shells load. All they do is hand the typed words to `nabla __complete` and show its answer, so
 * they never go out of date with the tree.
 */

const BASH = `# bash completion for nabla
_nabla() {
  local line word
  local -a words
  words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS=$'\\t' read -r word line; do
    [[ -n "$word" ]] && COMPREPLY+=("$(printf '%q' "$word")")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${words[@]}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == :files ]]; then
    compopt -o default 2>/dev/null
    COMPREPLY=()
  fi
}
complete -F _nabla nabla
`;

const ZSH = `#compdef nabla
# zsh completion for nabla
_nabla() {
  local word doc
  local -a found
  while IFS=$'\\t' read -r word doc; do
    [[ -n "$word" ]] && found+=("\${word//:/\\\\:}:\${doc}")
  done < <("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if [[ \${#found} -eq 1 && \${found[1]} == '\\:files:'* ]]; then
    _files
    return
  fi
  _describe 'nabla' found
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then
  _nabla "$@"
else
  compdef _nabla nabla
fi
`;

const FISH = `# fish completion for nabla
function __nabla_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (command $words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $found) -eq 1; and string match -q ':files*' -- $found[1]
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c nabla -f -a '(__nabla_complete)'
`;

const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;

export function completionScript(shell: keyof typeof SCRIPTS): string {
  return SCRIPTS[shell];
}
