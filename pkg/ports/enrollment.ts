// How a router gets an identity by hand: a key and a request for it in its state directory, then the chain that an authority made of it.
// Implemented by pkg/security/enrollment.ts; used by svrctl enroll. The key never leaves the directory.
import type { SiteToken } from "../api/sitetoken.ts";
import type { AuthorityKeyType } from "./authority.ts";

/** IdentityAnswer is what an authority gives: PEM, the chain leaf first. */
export interface IdentityAnswer { chain: string; authorities: string }

/** InstalledIdentity is what counts now; notAfter is unix milliseconds. */
export interface InstalledIdentity { serial: string; notAfter: number; folder: string }

/** SiteAddress is where the site endpoint is. */
export interface SiteAddress { host: string; port: number }

/** EnrollmentPort works in the state directory of one router; everything rejects with a SvrError that names the file and what to do. */
export interface EnrollmentPort {
  /** the request (PKCS #10, PEM) of the key that waits; both are made when there are none */
  begin(key: AuthorityKeyType): Promise<{ request: string; folder: string }>;
  /** asks a site endpoint for the chain of the key that waits; the token is sent only to who is of the authority that it names */
  ask(site: SiteAddress, token: SiteToken): Promise<IdentityAnswer>;
  /** judges what came as peers will, and makes it the identity together with the key that waits */
  finish(answer: IdentityAnswer): Promise<InstalledIdentity>;
}
