import { CloudOff, RefreshCw } from "lucide-react";
import { useMessages } from "../i18n/locale.ts";
import { useLive } from "../live/store.ts";
import styles from "./LinkState.module.css";

/** Says so when news of photos do not come live; nothing while they do. */
export function LinkState() {
  const link = useLive((state) => state.link);
  const { link: messages } = useMessages();
  if (link === "websocket" || link === "sse") return null;
  const text = link === "connecting" ? messages.connecting : messages[link];
  const Shown = link === "stopped" ? CloudOff : RefreshCw;
  return (
    <span className={styles.state} data-link={link} role="status" title={text}>
      <Shown size={16} aria-hidden />
      <span className="unseen">{text}</span>
    </span>
  );
}
