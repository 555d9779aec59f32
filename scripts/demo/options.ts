// The command line of the demo: what may be asked of it. Called by main.ts; starts nothing.

/** Options of one run. */
export interface Options {
  /** leave everything running until Ctrl-C */
  keep: boolean;
  /** pre-shared keys between routers instead of certificates */
  psk: boolean;
  /** file for the report */
  json: string | undefined;
  help: boolean;
}

/** usage is what --help prints. */
export const usage = `Usage: npm run demo -- [--keep] [--psk] [--json FILE]

  --keep       leave routers and hosts running until Ctrl-C, to look around
  --psk        pre-shared keys between routers, instead of certificates of an authority made for the run
  --json FILE  write the report: checks, sessions, throughput, captures and keys
  --help       this text`;

/** readOptions parses the arguments; an error is the sentence for the user. */
export function readOptions(words: readonly string[]): { options: Options } | { error: string } {
  const options: Options = { keep: false, psk: false, json: undefined, help: false };
  for (let at = 0; at < words.length; at++) {
    const [word = "", inline] = splitWord(words[at] ?? "");
    if (word === "--json") {
      options.json = inline ?? words[++at];
      if (options.json === undefined || options.json === "" || options.json.startsWith("--")) return { error: "--json needs a file name" };
    } else if (inline !== undefined) return { error: `${word} takes no value` };
    else if (word === "--keep") options.keep = true;
    else if (word === "--help" || word === "-h") options.help = true;
    else if (word === "--psk") options.psk = true;
    else return { error: `unknown option ${word}` };
  }
  return { options };
}

function splitWord(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return word.startsWith("--") && at > 0 ? [word.slice(0, at), word.slice(at + 1)] : [word, undefined];
}
