// Keys and certificates that a router asks for itself, in its state directory: identity.request has the key that waits with its request, until
// the certificate comes and both become the identity. Constructed by cmd/router; the key never leaves the directory.
import { X509Certificate, createPrivateKey } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { AuthorityKeyType } from "../ports/authority.ts";
import type { IdentityKeeper } from "../ports/identity.ts";
import { judgeRequest, makeRequest } from "./authority.ts";
import { ownName, pemCertificates } from "./chain.ts";
import { identityFiles as files, mendIdentity, writeFolder, writeIdentity, written } from "./identitywriter.ts";

/** openIdentityKeeper ends first what a crash left. */
export function openIdentityKeeper({ stateDir, name, key: kind = "Ed25519" }: { stateDir: string; name: string; key?: AuthorityKeyType }): IdentityKeeper {
  const waiting = join(stateDir, "identity.request"), identity = join(stateDir, "identity");
  written(identity, () => { mendIdentity(stateDir); });
  return {
    kept() {
      const info = statSync(join(identity, files.chain), { throwIfNoEntry: false });
      return info === undefined ? undefined : { isOwn: existsSync(join(identity, files.request)), sinceMs: info.mtimeMs };
    },
    async request() {
      const [key, request] = [textOf(join(waiting, files.key)), textOf(join(waiting, files.request))];
      const isInstalled = key === textOf(join(identity, files.key)); // a crash kept it from going
      if (key !== undefined && request !== undefined && !isInstalled && await judgeRequest(request, name) === undefined) return request;
      const made = await makeRequest(name, kind);
      written(waiting, () => { writeFolder(waiting, made); });
      return made.request;
    },
    install(chain, authorities) {
      const [key, request] = [textOf(join(waiting, files.key)), textOf(join(waiting, files.request))];
      if (key === undefined || request === undefined) return "the key of the certificate is gone";
      const problem = problemOf({ chain, key, name });
      if (problem !== undefined) return problem;
      writeIdentity(stateDir, { key, chain, ...(authorities === undefined ? { request } : { authorities }) });
      this.drop();
      return undefined;
    },
    drop() {
      written(waiting, () => { rmSync(waiting, { recursive: true, force: true }); });
    },
  };
}

function problemOf({ chain, key, name }: { chain: string; key: string; name: string }): string | undefined {
  const certificates = pemCertificates(chain) ?? [], [leaf] = certificates;
  if (leaf === undefined) return "the certificate that came is none";
  if (!new X509Certificate(leaf).checkPrivateKey(createPrivateKey(key))) return "the certificate that came is of another key";
  const named = ownName(certificates);
  if (!named.ok) return `the certificate that came is no certificate of a router (${named.error})`;
  return named.value.name === name ? undefined : `the certificate that came names router ${named.value.name}`;
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
