// Versions of client and router: they may differ by one minor version. Called for every router that answers; pure.

/** skewNote says so when client and router are more than one minor version apart; undefined when they fit or cannot be compared. */
export function skewNote(client: string, of: { router: string; version: string }): string | undefined {
  const mine = partsOf(client);
  const theirs = partsOf(of.version);
  if (mine === undefined || theirs === undefined) return undefined;
  if (mine.major === theirs.major && Math.abs(mine.minor - theirs.minor) <= 1) return undefined;
  return `note: router ${of.router} has version ${of.version}, svrctl ${client}: more than one minor version apart, some answers may be incomplete`;
}

function partsOf(version: string): { major: number; minor: number } | undefined {
  const match = /^v?([0-9]{1,6})\.([0-9]{1,6})(\.|$)/.exec(version);
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) };
}
