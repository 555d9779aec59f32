// All wire numbers of the SVR protocol and of the headers it rides on, each with its source; sizes that follow from
// others are expressions. Read by every codec here and by the router; holds no behaviour.

// ---- IP (RFC 791, RFC 8200) ----
export const IPV4_HEADER = 20; // bytes, without options
export const IPV6_HEADER = 40; // bytes
export const IPV4_DF = 0x4000; // in flags and fragment offset, bytes 6-7
export const IPV4_MF = 0x2000;
export const IPV4_OFFSET_MASK = 0x1fff; // units of 8 bytes
export const IP_LENGTH_MAX = 0xffff; // IPv4 total length, IPv6 payload length
export const GENERATED_TTL = 64; // packets that a router generates (RFC 1700)

// ---- IP protocol numbers (IANA) ----
export const PROTO_HOP_BY_HOP = 0;
export const PROTO_ICMP = 1;
export const PROTO_TCP = 6;
export const PROTO_UDP = 17;
export const PROTO_DCCP = 33;
export const PROTO_ROUTING = 43;
export const PROTO_FRAGMENT = 44;
export const PROTO_ICMPV6 = 58;
export const PROTO_DESTINATION_OPTIONS = 60;
export const PROTO_SCTP = 132;
export const PROTO_UDP_LITE = 136;
export const IPV6_EXTENSIONS_MAX = 8; // headers walked before a packet is refused

// ---- L4 headers (RFC 9293, RFC 768, RFC 792, RFC 4443) ----
export const UDP_HEADER = 8; // bytes
export const TCP_HEADER = 20; // bytes, without options
export const TCP_HEADER_MAX = 60;
export const ICMP_HEADER = 8;
export const SCTP_HEADER = 12; // RFC 9260 3.1
export const DCCP_HEADER = 12; // RFC 4340 5.1, with short sequence numbers
export const TCP_CHECKSUM_AT = 16; // offset in the TCP header
export const UDP_CHECKSUM_AT = 6;
export const ICMP_CHECKSUM_AT = 2;
export const ICMP_IDENTIFIER_AT = 4;
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
export const TCP_URG = 0x20;
export const TCP_ECE = 0x40;
export const TCP_CWR = 0x80;
export const TCP_OPTION_END = 0;
export const TCP_OPTION_NOP = 1;
export const TCP_OPTION_MSS = 2;
export const TCP_OPTION_MSS_BYTES = 4;
export const MSS_FLOOR = 536; // protocol 10.4

// ---- waypoint ports (protocol 2.2, 2.8) ----
export const EVEN_PORT_FIRST = 16384;
export const EVEN_PORT_LAST = 65534;
export const EVEN_PORT_COUNT = (EVEN_PORT_LAST - EVEN_PORT_FIRST) / 2 + 1;
export const ODD_PORT_FIRST = 16385;
export const ODD_PORT_LAST = 65533;
export const ODD_PORT_COUNT = (ODD_PORT_LAST - ODD_PORT_FIRST) / 2 + 1;
export const PEERING_PORT = 1280;
export const DETECTOR_PORT = 1283;

// ---- metadata header (protocol 3.2) ----
export const COOKIE_HIGH = 0x4c48dbc6; // the eight bytes 4c 48 db c6 dd f6 67 0c, as two words
export const COOKIE_LOW = 0xddf6670c | 0;
export const METADATA_VERSION = 1;
export const BASE_HEADER = 12; // bytes: cookie 8, version and header length 2, payload length 2
export const HEADER_LENGTH_MAX = 0x0fff; // 12 bits
export const TLV_OVERHEAD = 4; // bytes: type 2, length 2
export const METADATA_MAX = 1100; // bytes before TLV 1; protocol 3.2
export const NAME_MAX = 253; // bytes of a name
export const CRITICAL_FIRST = 0xc000; // unknown types from here on drop the packet

// ---- TLV types that code names (protocol 4); the whole table is tlv.ts ----
export const TLV_FRAGMENT = 1;
export const TLV_METADATA_IV = 0x8000;
export const FRAGMENT_TLV_BYTES = TLV_OVERHEAD + 10;
export const UUID_TLV_BYTES = 16;

// ---- control codes (TLV 24, protocol 6.4) ----
export const CONTROL_KEEP_ALIVE = 1;
export const CONTROL_ENABLE_METADATA = 2;
export const CONTROL_DISABLE_METADATA = 3;
export const CONTROL_DELETE_SESSION = 6;
export const CONTROL_SESSION_EXISTS = 8;

// ---- authentication (protocol 7) ----
export const TAG_BYTES = 16; // first bytes of HMAC-SHA256
export const EPOCH_SECONDS = 2;
export const WINDOW_MAX = 5; // epochs before and after now
export const SKEW_EPOCHS = 30;

// ---- metadata encryption (protocol 8.1) and keys (15.3, 15.4) ----
export const SUITE_CLEAR = 0;
export const SUITE_CBC = 1;
export const SUITE_GCM = 2;
export const CBC_BLOCK = 16; // AES block, also the IV
export const CBC_IV = CBC_BLOCK;
export const GCM_IV = 12;
export const GCM_TAG = 16;
export const KEY_BYTES = 32; // AES-256 and HMAC keys
export const SALT_BYTES = 8;
export const PSK_BYTES_MIN = 32;
export const COUNTER_BITS_PER_SECOND = 24; // psk counters start at unix seconds x 2^24

// ---- source NAT (behaviour 5) ----
/** NAT_PORT_FIRST and NAT_PORT_LAST bound translated source ports and ICMP identifiers. */
export const NAT_PORT_FIRST = 16384, NAT_PORT_LAST = 65534;
/** NAT_PORT_COUNT is how many sessions one translated address can have toward one remote address, port and protocol. */
export const NAT_PORT_COUNT = NAT_PORT_LAST - NAT_PORT_FIRST + 1;
