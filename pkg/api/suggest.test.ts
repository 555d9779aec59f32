// Suggestions for misspelt field names: the nearest known one, none when nothing is near.
import { suggestWord } from "./suggest.ts";

const known = ["addresses", "access", "scope", "LAN", "WAN"];

test.each([["adresses", "addresses"], ["acess", "access"], ["SCOPE", "scope"], ["lan", "LAN"], ["zebra", undefined], ["", undefined], ["x".repeat(65), undefined]])(
  "%p suggests %p", (word, expected) => expect(suggestWord(word, known)).toBe(expected));
