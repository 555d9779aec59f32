// Loaded before a router's program (NODE_OPTIONS=--import) in each of its threads: unix time runs ahead by the milliseconds that stand
// in the file CLOCK_SHIFT_FILE, read at most every 20 ms. Only this process is deceived; the clock of the machine stays.
import { readFileSync } from "node:fs";
import process from "node:process";

const file = process.env["CLOCK_SHIFT_FILE"] ?? "";
const EVERY_MS = 20;
const real = Date.now.bind(Date);
let readAt = 0, shift = 0;

Date.now = () => {
  const now = real();
  if (Math.abs(now - readAt) >= EVERY_MS) {
    readAt = now;
    shift = Number(readFileSync(file, "utf8"));
  }
  return now + shift;
};
