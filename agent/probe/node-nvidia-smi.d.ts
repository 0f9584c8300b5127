/** Types of node-nvidia-smi 1.0.0, which ships none. The error is an Error, a plain string (stderr), or null. */
declare module 'node-nvidia-smi' {
  export default function nvidiaSmi(callback: (error: unknown, tree: unknown) => void): void;
}
