/** Return a name that nothing else has, nor guesses. Browsers have `randomUUID` for pages by https alone. */
export function unique(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
