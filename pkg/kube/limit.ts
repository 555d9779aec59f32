// How many objects to ask for in the next page of a list: a page is held in memory as text and as objects at once, and one object may
// have a megabyte and a half. So a list begins with few, and goes on by what they came to. Called by listwatch.ts and client.ts. Pure.

/** firstLimit is how many objects to ask for first: as large as objects may be, they are below the largest answer. */
export const firstLimit = 150;

const most = 500;
const aimedAt = 16_777_216; // characters of a page

/** nextLimit gives how many to ask for after a page of `limit` objects that had `characters`; undefined: it was too large to be read. */
export function nextLimit(limit: number, characters: number | undefined): number {
  if (characters === undefined) return Math.max(1, Math.floor(limit / 4));
  return Math.max(1, Math.min(most, 4 * limit, Math.floor(limit * aimedAt / Math.max(1, characters))));
}
