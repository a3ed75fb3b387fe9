/** Which addresses of what an agent wrote may be followed. */

const SCHEME = /^([a-z][a-z0-9+.-]*):/i
const SAFE_SCHEMES = new Set(['http', 'https', 'mailto'])
/** Browsers skip these inside of a scheme, so `java\nscript:` is one. */
const SKIPPED = /[\u0000-\u0020\u007f-\u009f]/g

/** The address, or undefined where following it could run something. */
export function safeAddress(url: string): string | undefined {
  const scheme = SCHEME.exec(url.replace(SKIPPED, ''))?.[1]
  return scheme === undefined || SAFE_SCHEMES.has(scheme.toLowerCase()) ? url : undefined
}
