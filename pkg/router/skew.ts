// Why a tag is wrong (protocol 7.1): one that is right within 30 epochs means that clocks differ. Searched for a few failures a second and
// peer only. Called by opening.ts for metadata packets and by pathmtus.ts for messages on UDP 1280; skewalarms.ts tells of what was found.
import { skewEpochs } from "../svr/epoch.ts";
import type { AuthMode } from "../svr/epoch.ts";
import type { OpenJob } from "../svr/open.ts";
import type { SealEngine } from "../svr/seal.ts";

/** WrongTag is a tag that no accepted epoch explains; `permits` is asked before anything is searched. */
export interface WrongTag {
  job: OpenJob;
  mode: AuthMode;
  /** accepted epochs before and after `epoch` */
  window: number;
  epoch: number;
  permits(): boolean;
}

/** TagFault is why it is wrong; `skew` is how many epochs the sender is ahead. */
export type TagFault = { reason: "hmac-failure"; skew?: undefined } | { reason: "hmac-clock-skew"; skew: number };

const WRONG: TagFault = { reason: "hmac-failure" };

/** skewOrFailure tells whether the tag would be right at another time. */
export function skewOrFailure(tag: WrongTag, engine: SealEngine): TagFault {
  const { job, mode, window, epoch } = tag;
  if (mode !== "time-based" || !tag.permits()) return WRONG;
  const [result] = engine.open([{ ...job, epochs: skewEpochs(epoch, window), suite: 0 }]);
  return result?.ok === true ? { reason: "hmac-clock-skew", skew: (result.epoch - epoch) | 0 } : WRONG;
}
