/** A secret in every spelling it might leak in. */
export const spellingsOf = (secret: Buffer): string[] => [
  secret.toString('latin1'),
  secret.toString('hex'),
  secret.toString('base64').replaceAll('=', ''),
  secret.toString('base64url'),
];

/** Where the part of a token begins that is not the same in all of them. */
const SHARED_CHARS = 60;
const STRETCH_CHARS = 24;

/** Stretches of a token: tokens share their beginning with nothing secret, but caveats and signature must not be seen, nor a part of them. */
export function stretchesOf(token: string): string[] {
  const found: string[] = [];
  for (let at = SHARED_CHARS; at + STRETCH_CHARS <= token.length; at += STRETCH_CHARS / 2) {
    found.push(token.slice(at, at + STRETCH_CHARS));
  }
  return found;
}
