// What stands in the way of a data plane, and what the reader is told: code, object, and a message with the next step. eBPF only;
// stale and foreign pins are real ones, missing capabilities too. A refusal leaves what is there as it is.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SvrError } from "../../pkg/base/errors.ts";
import { openNative } from "../../pkg/native/binding.ts";
import type { Native } from "../../pkg/native/binding.ts";
import { objectPath, openDatapath } from "../../pkg/datapath/open.ts";
import type { OpenOptions } from "../../pkg/datapath/open.ts";
import { MAP_SUFFIX } from "../../pkg/datapath/pins.ts";
import { kernelFeatures } from "../../pkg/datapath/requirements.ts";
import type { FlowKind } from "../support/flows.ts";
import { insideNamespace } from "../support/namespace.ts";
import { describeNet } from "../support/probe.ts";
import { ebpfConfig, openEbpfWorld, openOptions, openWires } from "./ebpfworld.ts";
import type { EbpfWorld, Wires } from "./ebpfworld.ts";
import { arriveOn } from "./forwarding.ts";
import { freshSession, install } from "./world.ts";

const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
let wires: Wires;

/** File name of a map of this version. */
function ours(map: string): string {
  return `${map}${MAP_SUFFIX}`;
}

/** The fault of an attempt that must fail. */
function faultOf(work: () => unknown): { code: string; object: string; text: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof SvrError) return { code: error.code, object: error.object, text: error.message };
    throw error;
  }
  throw new Error("nothing was refused");
}

function attempt(options: Partial<OpenOptions>): ReturnType<typeof faultOf> {
  const pinDir = wires.pinDir();
  const fault = faultOf(() => insideNamespace(wires.net, "r", () => openDatapath({ ...openOptions(pinDir), ...options })));
  rmSync(pinDir, { recursive: true, force: true });
  return fault;
}

beforeAll(async () => { wires = await openWires(); }, 30_000);
afterAll(async () => { await wires.close(); }, 30_000);

describeNet("pins that do not fit", () => {
  let world: EbpfWorld;
  const pin = (name: string): string => join(world.options.pinDir!, name);
  beforeEach(async () => { world = await openEbpfWorld(wires); });
  afterEach(async () => { await world.close(); });

  /** Refused with the change, and as before without it: sessions, forwarding. */
  async function refusedBy(change: () => () => void): Promise<ReturnType<typeof faultOf>> {
    const session = freshSession(world, udp, 1);
    install(world, session);
    world.shut();
    const undo = change();
    const fault = faultOf(() => { world.reopen(); });
    undo();
    await arriveOn(world, session, 0);
    expect(await world.left(1)).toHaveLength(1);
    world.reopen();
    expect(world.datapath.gauges().live).toBe(1);
    return fault;
  }

  function moved(from: string, to: string): () => () => void {
    return () => {
      renameSync(pin(from), pin(to));
      return () => { renameSync(pin(to), pin(from)); };
    };
  }

  test("a map of another version is named, with what to do", async () => {
    const fault = await refusedBy(moved(ours("names"), "names_v1"));
    expect(fault).toMatchObject({ code: "SVR_BPF_LAYOUT", object: "names_v1" });
    expect(fault.text).toContain(`rm -r ${world.options.pinDir}`);
  });

  test("a missing map is named", async () => {
    expect(await refusedBy(moved(ours("buckets"), "other"))).toMatchObject({ code: "SVR_BPF_LAYOUT", object: "buckets" });
  });

  test("missing settings are named while links are in use", async () => {
    expect(await refusedBy(moved(ours("settings"), "other"))).toMatchObject({ code: "SVR_BPF_LAYOUT", object: "settings" });
  });

  test("a foreign map in the place of ours is named, with both layouts", async () => {
    const fault = await refusedBy(() => {
      renameSync(pin(ours("members")), pin("aside"));
      renameSync(pin(ours("rates")), pin(ours("members")));
      return () => {
        renameSync(pin(ours("members")), pin(ours("rates")));
        renameSync(pin("aside"), pin(ours("members")));
      };
    });
    expect(fault).toMatchObject({ code: "SVR_BPF_LAYOUT", object: "members" });
    expect(fault.text).toMatch(/type 1, key 4, value 8, .*type 11, key 28, value 4/);
  });

  test("something else than a map in the place of the settings is named", async () => {
    const [link = ""] = world.options.pinDir === undefined ? [] : (await wires.net.must("r", "ls", world.options.pinDir)).split("\n").filter((name) => name.startsWith("inject_"));
    const fault = await refusedBy(() => {
      renameSync(pin(ours("settings")), pin("aside"));
      renameSync(pin(link), pin(ours("settings")));
      return () => {
        renameSync(pin(ours("settings")), pin(link));
        renameSync(pin("aside"), pin(ours("settings")));
      };
    });
    expect(fault).toMatchObject({ code: "SVR_BPF_LAYOUT" });
    expect(fault.text).toContain(ours("settings"));
  });

  test("what a start left that never finished is made anew", async () => {
    const fresh = wires.pinDir();
    mkdirSync(fresh, { recursive: true });
    world.shut();
    renameSync(pin(ours("names")), join(fresh, ours("names")));
    renameSync(pin(ours("tokens")), join(fresh, ours("tokens")));
    const made = insideNamespace(wires.net, "r", () => openDatapath(openOptions(fresh)));
    expect([made.adopted(), made.nameId("tenant/blue") > 0, existsSync(join(fresh, ours("sessions")))]).toEqual([false, true, true]);
    made.destroy();
    expect(existsSync(fresh)).toBe(false);
    rmSync(world.options.pinDir!, { recursive: true });
    world.reopen();
  });
});

describeNet("a machine that does not fit", () => {
  test.each(kernelFeatures.map((feature) => ({ feature, desc: feature.name })))("names the missing feature and the kernel that has it: $desc", ({ feature }) => {
    const native = openNative();
    const without: Native = { ...native, probeFeature: (number) => (number === feature.number ? 0 : native.probeFeature(number)) };
    const fault = attempt({ native: without });
    expect(fault).toMatchObject({ code: "SVR_KERNEL_FEATURE", object: feature.name });
    expect(fault.text).toContain(`Linux ${feature.since}`);
  });

  const child = async (words: readonly string[], options: unknown): Promise<Record<string, unknown>> => {
    const script = new URL("./processes/open.ts", import.meta.url).pathname;
    const ran = await wires.net.exec("r", [...words, process.execPath, "--disable-warning=ExperimentalWarning", script, JSON.stringify(options)]);
    if (ran.code !== 0) throw new Error(`${ran.code} ${ran.stderr}`);
    return JSON.parse(ran.stdout) as Record<string, unknown>;
  };
  const plain = (pinDir: string): unknown => ({ name: "test", pinDir, sessions: 64, liveLimit: 64, shards: 1 });

  test("a user without capabilities is told which are missing", async () => {
    const said = await child(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], plain(wires.pinDir()));
    expect(said).toMatchObject({ code: "SVR_NOT_ROOT" });
    expect(said["message"]).toContain("NET_ADMIN, NET_RAW, PERFMON, BPF");
  });

  test("root without BPF is told so", async () => {
    const said = await child(["setpriv", "--bounding-set=-bpf"], plain(wires.pinDir()));
    expect([said["code"], String(said["message"]).includes("lacks: BPF;")]).toEqual(["SVR_NOT_ROOT", true]);
  });

  test("the four capabilities are enough", async () => {
    const words = ["setpriv", "--bounding-set=-all,+net_admin,+net_raw,+bpf,+perfmon"];
    const pinDir = wires.pinDir();
    expect(await child(words, { ...plain(pinDir) as object, config: { ...ebpfConfig(), locals: [], nexthops: [] } })).toEqual({ ok: true, adopted: false });
    expect(await child(words, plain(pinDir))).toEqual({ ok: true, adopted: true });
    rmSync(pinDir, { recursive: true });
  });

  test("a BPF file system is mounted where it is missing, and its command told where that is not allowed", async () => {
    const bare = ["unshare", "--mount", "sh", "-c", "umount --recursive /sys/fs/bpf && exec \"$@\"", "sh"];
    expect(await child(bare, plain("/sys/fs/bpf/opensvr/test"))).toEqual({ ok: true, adopted: false });
    const said = await child([...bare, "setpriv", "--bounding-set=-sys_admin"], plain("/sys/fs/bpf/opensvr/test"));
    expect(said).toMatchObject({ code: "SVR_BPFFS", object: "/sys/fs/bpf" });
    expect(said["message"]).toContain("mount -t bpf bpf /sys/fs/bpf");
  });

  test("a directory elsewhere, or one with a dot, is refused", () => {
    expect(attempt({ pinDir: join(wires.net.folder, "pins") })).toMatchObject({ code: "SVR_BPFFS", object: join(wires.net.folder, "pins") });
    const dotted = `${wires.pinDir()}.x`;
    expect(attempt({ pinDir: dotted })).toMatchObject({ code: "SVR_BPFFS", object: dotted });
  });
});

describeNet("an object or a configuration that does not fit", () => {
  test("an object that is missing, broken or refused by the kernel", () => {
    const object = join(wires.net.folder, "svr.bpf.o");
    expect(attempt({ object })).toMatchObject({ code: "SVR_BPF_LOAD", object });
    writeFileSync(object, readFileSync(objectPath()).subarray(0, 1000));
    expect(attempt({ object })).toMatchObject({ code: "SVR_BPF_LOAD", object });
    const bytes = readFileSync(objectPath());
    bytes.write("BSD", bytes.indexOf("GPL\0")); // helpers that only GPL programs may call
    writeFileSync(object, bytes);
    const refused = attempt({ object });
    expect(refused).toMatchObject({ code: "SVR_BPF_LOAD", object });
    expect(refused.text).toMatch(/GPL/);
    copyFileSync(objectPath(), object);
    const pinDir = wires.pinDir();
    insideNamespace(wires.net, "r", () => openDatapath({ ...openOptions(pinDir), object })).destroy();
  });

  test("an object with other layouts names the field", () => {
    const native = openNative();
    const fault = attempt({
      native: {
        ...native, btfDump: (load, out, size) => {
          const length = native.btfDump(load, out, size);
          const text = new TextDecoder().decode(out.subarray(0, length)).replace(/(struct svr_gauges \d+\nfield slots_used) 0/, "$1 4");
          new TextEncoder().encodeInto(text, out);
          return length;
        },
      },
    });
    expect(fault).toMatchObject({ code: "SVR_BPF_LOAD" });
    expect(fault.text).toContain("svr_gauges.slots_used is at 4 4");
  });

  test("too little memory for the table says so, and how much a session takes", () => {
    const fault = attempt({ native: { ...openNative(), loadRun: () => -12 } });
    expect(fault.code).toBe("SVR_BPF_LOAD");
    expect(fault.text).toMatch(/400 bytes a session.*lower spec\.limits\.sessions/);
  });

  test.each([[{ sessions: 0 }], [{ sessions: 1.5 }], [{ sessions: 53_125_001 }], [{ liveLimit: 50_000_001 }], [{ liveLimit: 0 }], [{ shards: 0 }], [{ shards: 65 }]])("sizes out of range are refused: %j", (change) => {
    expect(attempt(change)).toMatchObject({ code: "SVR_CONFIG_INVALID", object: "limits" });
  });

  test("a table of one slot works, and is full with one session", async () => {
    const world = await openEbpfWorld(wires, { sessions: 1, shards: 1 });
    const session = freshSession(world, udp, 1);
    const results = world.shard(0).apply([session, freshSession(world, udp, 2)].map((one) => ({ kind: "install", session: one })));
    await arriveOn(world, session, 0);
    expect([results.map((result) => result.ok), (await world.left(1)).length]).toEqual([[true, false], 1]);
    await world.close();
  });

  test("missing devices are all named, and nothing has changed", async () => {
    const world = await openEbpfWorld(wires);
    const session = freshSession(world, udp, 1);
    install(world, session);
    const [first] = world.config.interfaces;
    const fault = faultOf(() => {
      world.datapath.program({
        ...world.config, locals: [], nexthops: world.config.nexthops.map((hop) => ({ ...hop, interface: "gone1" })), interfaces: [first!, { ...first!, ifnum: 5, name: "gone0" }, { ...first!, ifnum: 6, name: "a-name-that-is-far-too-long" }],
      });
    });
    expect(fault).toMatchObject({ code: "SVR_INTERFACE_MISSING", object: "gone0, a-name-that-is-far-too-long, gone1" });
    await arriveOn(world, session, 0);
    expect(await world.left(1)).toHaveLength(1);
    await world.close();
  });
});
