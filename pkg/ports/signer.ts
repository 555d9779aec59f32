// What signs certificates of routers in a cluster (protocol 15.1). Implemented by pkg/security/routersigner.ts; used by the operator, which
// decides who may have one.
/** AuthorityKeys are an authority: certificate and private key, PEM. */
export interface AuthorityKeys { certificate: string; key: string }

/** AuthorityFacts are what routers know of an authority: the certificate to believe, PEM, and the key id by which certificates name who signed them. */
export interface AuthorityFacts { top: string; key: string }

/** TrustedCertificate is one in PEM; its end in unix milliseconds. */
export interface TrustedCertificate { pem: string; notAfter: number }

/** RouterSigner reads requests (PKCS #10, PEM) and signs them; it keeps nothing. */
export interface RouterSigner {
  /** what is wrong with the request for this router, undefined when it names it alone, has a right key and its own signature */
  judge(request: string, router: string): Promise<string | undefined>;
  /** the certificate, PEM, with what is issued by that authority before it, and its serial number; the request is judged again */
  sign(authority: AuthorityKeys, of: { request: string; router: string; lifeMs: number; nowMs: number }): Promise<{ certificate: string; serial: string }>;
  /** what routers are to know of an authority; rejects with SVR_AUTHORITY when they would not believe what it signs */
  facts(authority: AuthorityKeys, nowMs: number): Promise<AuthorityFacts>;
  /** the certificates of a text, PEM, and nothing else of it; none when one of them is no certificate */
  certificates(text: string): TrustedCertificate[];
  /** a new authority */
  create(nowMs: number): Promise<AuthorityKeys>;
}
