// Header sizes that the router's arithmetic needs, in bytes (RFC 791, RFC 8200, RFC 9293). Numbers only.

/** MIN_MSS is the value the MSS option is never set below (protocol 10.4). */
export const MIN_MSS = 536;
/** TCP_AND_IPV4_HEADER is 20 + 20. */
export const TCP_AND_IPV4_HEADER = 40;
/** TCP_AND_IPV6_HEADER is 40 + 20. */
export const TCP_AND_IPV6_HEADER = 60;
/** UDP_HEADER is the size of a UDP header. */
export const UDP_HEADER = 8;
