/**
 * PCI addresses: nvidia-smi prints `00000000:9B:00.0`, kernels and mock libraries `0000:9b:00.0`. One form makes
 * them comparable, and their order is the order in which CUDA numbers devices (CUDA_DEVICE_ORDER=PCI_BUS_ID).
 */

const PCI_ADDRESS = /^([0-9a-f]{1,8}):([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i;

/** `00000000:9b:00.0`: lower case, 8-digit domain. Undefined when the text is not a PCI address. */
export function parsePciBusId(text: string | undefined): string | undefined {
  const match = PCI_ADDRESS.exec((text ?? '').trim());
  if (match === null) return undefined;
  const [, domain, bus, device, unit] = match as unknown as [string, string, string, string, string];
  const digits = `${domain.padStart(8, '0')}:${bus.padStart(2, '0')}:${device.padStart(2, '0')}.${unit}`;
  return digits.toLowerCase();
}

/**
 * The same rows in the order of their PCI addresses. When one row has none, or two share one, the order of the
 * document is the better witness and stays.
 */
export function toPciOrder<T extends { readonly pciBusId: string }>(rows: readonly T[]): readonly T[] {
  const ids = rows.map((row) => row.pciBusId);
  if (ids.includes('') || new Set(ids).size !== ids.length) return rows;
  // Fixed-width hexadecimal: text order is numeric order.
  return [...rows].sort((a, b) => (a.pciBusId < b.pciBusId ? -1 : 1));
}
