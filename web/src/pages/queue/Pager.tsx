import { ChevronLeft, ChevronRight } from "lucide-react";
import { Button } from "../../design/Button.tsx";
import { useMessages } from "../../i18n/locale.ts";
import styles from "./Pager.module.css";

interface Props {
  /** Undefined where there is nothing newer, or older. */
  onNewer: (() => void) | undefined;
  onOlder: (() => void) | undefined;
}

/** Leads from page to page; nothing while there is but one. */
export function Pager({ onNewer, onOlder }: Props) {
  const { list } = useMessages().queue;
  if (!onNewer && !onOlder) return null;
  return (
    <nav className={styles.pager} aria-label={list.pages}>
      <Button
        look="quiet"
        icon={<ChevronLeft size={17} aria-hidden />}
        disabled={!onNewer}
        onClick={onNewer}
      >
        {list.newer}
      </Button>
      <Button
        look="quiet"
        icon={<ChevronRight size={17} aria-hidden />}
        className={styles.older}
        disabled={!onOlder}
        onClick={onOlder}
      >
        {list.older}
      </Button>
    </nav>
  );
}
