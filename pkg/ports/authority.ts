// What issues certificates of routers (protocol 15.1): an authority in a folder of this machine, for sites without a cluster. Implemented by
// pkg/security/authorityfolder.ts; used by svrctl ca.
/** AuthorityKeyType is the kind of a key. */
export type AuthorityKeyType = "Ed25519" | "ECDSA";

/** IssuedCertificate is one that the authority wrote down; times are unix milliseconds. */
export interface IssuedCertificate { router: string; serial: string; notBefore: number; notAfter: number; /** unix milliseconds */ revoked?: number }

/** AuthorityView is an authority and what it issued, oldest first. */
export interface AuthorityView { name: string; key: AuthorityKeyType; notAfter: number; certificate: string; issued: IssuedCertificate[] }

/** IssueRequest asks for the files of an identity in a folder: of the key in a request (PEM), or with a new key, closed to others. */
export interface IssueRequest { router: string; days: number; key: AuthorityKeyType; folder: string; request?: string }

/** RenewRequest asks for another key and certificate of the identity in the state directory of a router. */
export interface RenewRequest { router: string; days: number; stateDir: string }

/** IssueAnswer is what was written. */
export interface IssueAnswer { certificate: IssuedCertificate; madeKey: boolean }

/** AuthorityPort is an authority in a folder; everything rejects with a SvrError that names the file and what to do. */
export interface AuthorityPort {
  /** makes one where there is none */
  create(of: { name: string; key: AuthorityKeyType; days: number }): Promise<AuthorityView>;
  view(): Promise<AuthorityView>;
  /** the same again after a crash goes on where it stopped */
  issue(request: IssueRequest): Promise<IssueAnswer>;
  /** key, certificate and authorities change together; the same again after a crash goes on where it stopped */
  renew(request: RenewRequest): Promise<IssueAnswer>;
  /** those of a serial number, or all of a router that count still; they stay in the list */
  revoke(of: { serial: string } | { router: string }): Promise<IssuedCertificate[]>;
}
