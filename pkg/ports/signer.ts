// What signs certificates of routers in a cluster (protocol 15.1). Implemented by pkg/security/routersigner.ts; used by the operator, which
// decides who may have one.
/** AuthorityKeys are an authority: certificate and private key, PEM. */
export interface AuthorityKeys { certificate: string; key: string }

/** RouterSigner reads requests (PKCS #10, PEM) and signs them; it keeps nothing. */
export interface RouterSigner {
  /** what is wrong with the request for this router, undefined when it names it alone, has a right key and its own signature */
  judge(request: string, router: string): Promise<string | undefined>;
  /** the certificate, PEM; the request is judged again */
  sign(authority: AuthorityKeys, of: { request: string; router: string; lifeMs: number; nowMs: number }): Promise<string>;
  /** the certificate that routers are to believe, PEM: the last one of those of an authority, and nothing else of the text */
  top(certificates: string): string;
  /** a new authority */
  create(nowMs: number): Promise<AuthorityKeys>;
}
