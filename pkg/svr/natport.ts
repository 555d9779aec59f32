// Source NAT ports (behaviour 5): the range of translated ports and ICMP identifiers. Used by the router, which asks the data
// plane for a free one; the flow index alone knows which are taken. Data only.

/** NAT_PORT_FIRST and NAT_PORT_LAST bound translated source ports and ICMP identifiers (behaviour 5). */
export const NAT_PORT_FIRST = 16384, NAT_PORT_LAST = 65534;
/** NAT_PORT_COUNT is how many sessions one translated address can have toward one remote address, port and protocol. */
export const NAT_PORT_COUNT = NAT_PORT_LAST - NAT_PORT_FIRST + 1;
