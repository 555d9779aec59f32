// The drawing of the demo's network. Text only; the addresses are those of topology.ts, which its test compares.

/** drawing shows hosts, routers and links; two tenants have one address. */
export const drawing: string = String.raw`
   tenant engineering.acme
   host engineering 10.1.0.10 --+ lan-eng
                                |
                             [branch]=====[transit]=====[cloud]-- lan0 -- host server 10.9.0.10
                                |   192.0.2.0/24  198.51.100.0/24          HTTP 80, iperf3 5201,
   host finance     10.1.0.10 --+ lan-fin                                  DNS-like UDP 53, admin 22
   tenant finance.acme

   The same with IPv6: hosts fd00:1::10, links 2001:db8:1::/64 and 2001:db8:2::/64, server fd00:9::10.
   === carries sessions: signed metadata in the first packets, then plain packets of the same length.
`;
