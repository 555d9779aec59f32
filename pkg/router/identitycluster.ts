// The identity of a router in a cluster: it asks for its certificate itself, with a key of its own, when its configuration needs one, when two
// thirds of the life of the one it has are over, and when another authority signs now. What somebody else wrote into the state directory is left
// to them. Constructed by cmd/router.
import { SvrError } from "../base/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { CertificateAnswer, CertificateRequests, IdentityKeeper, IdentitySource } from "../ports/identity.ts";
import type { Log } from "../ports/log.ts";
import { pauseMs } from "./latest.ts";
import type { After } from "./latest.ts";

/** IdentityClusterOptions are the parts that it works with. */
export interface IdentityClusterOptions {
  name: string;
  /** the identity as it is in the state directory */
  files: IdentitySource & { look(): void };
  keeper: IdentityKeeper;
  requests: CertificateRequests;
  clock: Pick<Clock, "unixMs">;
  log: Log;
  after: After;
  /** 0 to 1 */
  random: () => number;
}

/** IdentityCluster is an identity that renews itself until it is stopped. */
export interface IdentityCluster extends IdentitySource { stop(): Promise<void> }

const RENEW_AT = 2 / 3; // of life
const EARLIER_PART = 1 / 20; // of life, so that routers that began together do not ask together
const LOOK_MS = 3_600_000; // clocks are set, and timers do not hold for weeks
const NOTICE_MS = 60_000;
const SPREAD_MS = 60_000; // all routers hear of another authority at once
const SAME_MS = 3_600_000; // who signs is not who was said to: asked again so often
const DENIED_MS = 10_000, DENIED_LONGEST_MS = 900_000; // each denied request is an object of the API server's for an hour

/** createIdentityCluster asks nothing before it is told that an identity is wanted. */
export function createIdentityCluster(options: IdentityClusterOptions): IdentityCluster {
  const { files } = options;
  const asker = new Asker(options);
  return {
    current: () => files.current(), authorities: () => files.authorities(), authorityFile: (file) => files.authorityFile(file), watch: (changed) => files.watch(changed),
    wanted: (is, issuer) => { asker.wanted(is, issuer); }, stop: () => asker.stop(),
  };
}

class Asker {
  readonly #options: IdentityClusterOptions;
  readonly #ending = new AbortController();
  #isWanted = false;
  /** who signs now, and from when on a certificate of somebody else is replaced */
  #issuer: { key: string | undefined; fromMs: number } = { key: undefined, fromMs: 0 };
  #asking: Promise<void> | undefined;
  #timer: { stop(): void } | undefined;
  #failures = 0;
  #refusals = 0;
  /** part of what may be taken off the life of this certificate */
  #earlier: number;
  #said = "";

  constructor(options: IdentityClusterOptions) {
    this.#options = options;
    this.#earlier = options.random();
  }

  wanted(is: boolean, issuer: string | undefined): void {
    if (is === this.#isWanted && issuer === this.#issuer.key) return;
    this.#isWanted = is;
    if (issuer !== this.#issuer.key) this.#issuer = { key: issuer, fromMs: this.#options.clock.unixMs() + SPREAD_MS * this.#options.random() };
    this.#look();
  }

  async stop(): Promise<void> {
    this.#timer?.stop();
    this.#ending.abort(new SvrError("SVR_INTERRUPTED", { object: `router ${this.#options.name}`, attempted: "the router ends", fix: "start it again" }));
    await this.#asking;
  }

  #later(ms: number): void {
    this.#timer?.stop();
    this.#timer = this.#ending.signal.aborted ? undefined : this.#options.after(ms, () => { this.#look(); });
  }

  #look(): void {
    if (!this.#isWanted || this.#asking !== undefined || this.#ending.signal.aborted) return;
    const dueMs = whenDue(this.#options, this.#earlier, this.#issuer), waitMs = (dueMs ?? Infinity) - this.#options.clock.unixMs();
    if (waitMs > 0) return this.#later(Math.min(waitMs, LOOK_MS));
    this.#timer?.stop();
    this.#asking = this.#ask().then((pause) => {
      this.#asking = undefined;
      this.#later(pause);
    });
  }

  /** How long to wait until the next look. */
  async #ask(): Promise<number> {
    const { name, requests, keeper, after, log } = this.#options;
    const notice = after(NOTICE_MS, () => { log.warn({ event: "identity.waiting" }, "nobody has answered the request for a certificate for a minute; is identity.enabled set in the chart? kubectl get csr"); });
    try {
      return this.#take(await requests.ask({ router: name, request: await keeper.request() }, this.#ending.signal));
    } catch (error) {
      return this.#ending.signal.aborted ? 0 : this.#failed(error);
    } finally {
      notice.stop();
    }
  }

  #take(answer: CertificateAnswer): number {
    if ("gone" in answer) return this.#pause();
    const { files, keeper, log, random, clock } = this.#options, problem = "certificate" in answer ? keeper.install(answer.certificate) : answer.denied;
    if (problem !== undefined) return this.#refused(problem);
    files.look();
    [this.#failures, this.#refusals, this.#earlier, this.#said] = [0, 0, random(), ""];
    this.#issuer.fromMs = clock.unixMs() + SAME_MS;
    log.info({ event: "identity.installed", serial: files.current()?.serial }, "this router has a new certificate");
    return 0;
  }

  /** Another request is another question, and the same one has the same answer. */
  #refused(problem: string): number {
    this.#options.keeper.drop();
    this.#tell(problem);
    this.#refusals += 1;
    return deniedMs(this.#refusals, this.#options.random());
  }

  #failed(error: unknown): number {
    const { log } = this.#options;
    if (error instanceof SvrError) this.#tell(error.message);
    else log.error({ error }, "asking for a certificate failed by a fault of this program");
    return this.#pause();
  }

  #pause(): number {
    this.#failures += 1;
    return pauseMs(this.#failures, this.#options.random());
  }

  #tell(problem: string): void {
    if (problem !== this.#said) this.#options.log.warn({ event: "identity.refused", problem }, "this router has no new certificate; it asks again");
    this.#said = problem;
  }
}

/** Unix milliseconds; undefined: somebody else sees to it. */
function whenDue({ name, files, keeper }: IdentityClusterOptions, earlier: number, issuer: { key: string | undefined; fromMs: number }): number | undefined {
  const identity = files.current(), kept = keeper.kept();
  if (identity?.name !== name || kept === undefined) return kept?.isOwn === false ? undefined : 0;
  if (!kept.isOwn) return undefined;
  const from = Math.max(kept.sinceMs, identity.notBefore), due = from + (identity.notAfter - from) * (RENEW_AT - EARLIER_PART * earlier);
  return issuer.key === undefined || issuer.key === identity.authority.key ? due : Math.min(due, issuer.fromMs);
}

function deniedMs(refusals: number, random: number): number {
  return Math.min(DENIED_LONGEST_MS, DENIED_MS * 2 ** Math.min(refusals - 1, 10)) * (0.5 + random / 2);
}
