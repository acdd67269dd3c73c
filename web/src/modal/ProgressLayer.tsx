import { useStages } from "../api/queries.ts";
import { Dialog } from "../design/Dialog.tsx";
import { useMessages } from "../i18n/locale.ts";
import { dropGroup, type Group, openGroup, useGroups } from "../upload/groups.ts";
import { Many } from "./Many.tsx";
import { One } from "./One.tsx";
import { Preview } from "./Preview.tsx";
import styles from "./ProgressLayer.module.css";
import { Tray } from "./Tray.tsx";
import { useSeen } from "./views.ts";

/** Over every page: the modal of the photos being understood, and the tray of those put aside. */
export function ProgressLayer() {
  const group = useGroups(({ groups, open }) => groups.find((each) => each.key === open));
  useStages(); // so that they are known when the first photo comes
  return (
    <>
      <Tray />
      {group && <Modal key={group.key} group={group} />}
    </>
  );
}

function Modal({ group }: { group: Group }) {
  const { progress } = useMessages();
  const seen = useSeen(group);
  const [first] = seen;
  if (!first) return null;
  const over = seen.every(({ view }) => view.ended);
  const title = seen.length > 1 ? progress.readingMany(seen.length) : progress.title;
  // Closing it before the end is putting it aside.
  const close = () => (over ? dropGroup(group.key) : openGroup(undefined));
  return (
    <Dialog title={title} untitled onClose={close} width="wide">
      <div className={styles.ambient} aria-hidden>
        <Preview item={first.item} size={160} className={styles.light} />
      </div>
      <div className={styles.content}>
        {seen.length > 1 ? <Many group={group} seen={seen} /> : <One group={group} seen={first} />}
      </div>
    </Dialog>
  );
}
