// What the site endpoint needs of certificates: its own, those of routers, and the pin by which a router knows it. Implemented by
// pkg/security/sitesigner.ts; used by the operator.
import type { AuthorityKeys } from "./signer.ts";

/** SiteSigner signs with the authority that it is given, and keeps nothing. */
export interface SiteSigner {
  /** SHA-256 of the certificate that signs, hexadecimal */
  pin(authority: AuthorityKeys): string;
  /** a key and a chain for the endpoint itself, PEM, the authority last */
  server(authority: AuthorityKeys, nowMs: number): Promise<AuthorityKeys>;
  /** what is wrong with a request (PKCS #10, PEM) for this router */
  judge(request: string, router: string): Promise<string | undefined>;
  /** a certificate for the request, PEM; the request is judged again */
  issue(authority: AuthorityKeys, of: { request: string; router: string; nowMs: number }): Promise<{ chain: string; serial: string }>;
  /** whether this secret has this hash; takes the same time whatever is wrong */
  isSecret(secret: string, hash: string): boolean;
}
