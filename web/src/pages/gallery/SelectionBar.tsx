import { Ban, Sparkles, Trash2, X } from "lucide-react";
import { useState } from "react";
import { Button } from "../../design/Button.tsx";
import surfaces from "../../design/surfaces.module.css";
import { useMessages } from "../../i18n/locale.ts";
import { cancel, inWork, retag } from "../../photos/actions.ts";
import { useListing } from "../../photos/listing.ts";
import { RetagDialog } from "../../photos/RetagDialog.tsx";
import styles from "./SelectionBar.module.css";
import type { Selection } from "./selection.ts";

interface Props {
  selection: Selection;
  /** All that can be selected. */
  ids: readonly number[];
  onSelect: (selection: Selection) => void;
  onDelete: (ids: readonly number[]) => void;
  /** There is no selection any more. */
  onDone: () => void;
}

/** What can be done with the photos that are selected. */
export function SelectionBar({ selection, ids, onSelect, onDelete, onDone }: Props) {
  const { gallery } = useMessages();
  const [asking, setAsking] = useState(false);
  const photos = useListing((state) => state.photos);
  const chosen = [...selection.ids];
  const working = chosen
    .map((id) => photos.get(id))
    .filter((photo) => photo !== undefined)
    .filter(inWork);
  return (
    <div
      role="toolbar"
      aria-label={gallery.actions}
      className={[styles.bar, surfaces.glass].join(" ")}
    >
      <Button
        look="quiet"
        label={gallery.unselect}
        icon={<X size={18} aria-hidden />}
        onClick={onDone}
      />
      <p className={styles.count} role="status">
        {gallery.selected(chosen.length)}
      </p>
      {chosen.length < ids.length && (
        <Button
          look="quiet"
          className={styles.all}
          onClick={() => onSelect({ ids: new Set(ids), anchor: selection.anchor })}
        >
          {gallery.selectAll}
        </Button>
      )}
      <div className={styles.actions}>
        {working.length > 0 && (
          <Button
            look="quiet"
            icon={<Ban size={17} aria-hidden />}
            aria-label={gallery.cancel}
            onClick={() => void cancel(working)}
          >
            {gallery.cancel}
          </Button>
        )}
        <Button
          look="quiet"
          icon={<Sparkles size={17} aria-hidden />}
          aria-label={gallery.retag}
          onClick={() => setAsking(true)}
        >
          {gallery.retag}
        </Button>
        <Button
          look="danger"
          icon={<Trash2 size={17} aria-hidden />}
          aria-label={gallery.delete}
          onClick={() => onDelete(chosen)}
        >
          {gallery.delete}
        </Button>
      </div>
      {asking && (
        <RetagDialog
          count={chosen.length}
          onClose={() => setAsking(false)}
          onChosen={(again) => {
            onDone();
            void retag(chosen, again);
          }}
        />
      )}
    </div>
  );
}
