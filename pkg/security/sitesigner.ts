// Certificates of the site endpoint, and the making of its one-time tokens. Constructed by cmd/operator and cmd/svrctl.
import { createHash, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";
import { siteServerName } from "../api/sitetoken.ts";
import type { SiteToken } from "../api/sitetoken.ts";
import type { SiteSigner } from "../ports/site.ts";
import { judgeRequest, makeServer, signRequest } from "./authority.ts";

const ROUTER_DAYS = 30, SERVER_DAYS = 7;
const ID_BYTES = 8, SECRET_BYTES = 32;

const sha256 = (data: string | Uint8Array): string => createHash("sha256").update(data).digest("hex");

/** createSiteSigner signs with whatever authority it is given. */
export function createSiteSigner(): SiteSigner {
  return {
    pin: ({ certificate }) => sha256(new X509Certificate(certificate).raw),
    server: (authority, nowMs) => makeServer(authority, { name: siteServerName, days: SERVER_DAYS, nowMs }),
    judge: judgeRequest,
    async issue(authority, of) {
      const { certificate, issued } = await signRequest(authority, { ...of, days: ROUTER_DAYS });
      return { chain: certificate, serial: issued.serial };
    },
    isSecret: (secret, hash) => timingSafeEqual(Buffer.from(sha256(secret)), Buffer.from(hash.padEnd(64).slice(0, 64))),
  };
}

/** makeToken makes a token for an authority, with the hash that is kept of it. */
export function makeToken(pin: string): { token: SiteToken; hash: string } {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { token: { id: randomBytes(ID_BYTES).toString("hex"), secret, pin }, hash: sha256(secret) };
}
