import { Sparkles } from "lucide-react";
import { useState } from "react";
import type { Priority } from "../api/types.ts";
import { Button } from "../design/Button.tsx";
import { Dialog } from "../design/Dialog.tsx";
import { useMessages } from "../i18n/locale.ts";
import type { Again } from "./actions.ts";
import styles from "./RetagDialog.module.css";

const PRIORITIES: readonly Priority[] = ["high", "normal", "low"];

interface Props {
  /** How many photos. */
  count: number;
  onClose: () => void;
  onChosen: (again: Again) => void;
}

/** Asks how photos are to be analysed again. */
export function RetagDialog({ count, onClose, onChosen }: Props) {
  const { retag, app } = useMessages();
  const [again, setAgain] = useState<Again>({ priority: "normal", fresh: false });
  return (
    <Dialog title={retag.title(count)} onClose={onClose}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          onChosen(again);
        }}
      >
        <fieldset className={styles.priorities}>
          <legend className={styles.legend}>{retag.priority}</legend>
          <div className={styles.choices}>
            {PRIORITIES.map((priority) => (
              <label key={priority} className={styles.choice}>
                <input
                  type="radio"
                  name="priority"
                  className={styles.radio}
                  checked={again.priority === priority}
                  onChange={() => setAgain({ ...again, priority })}
                  {...(priority === "normal" && { "data-first": true })}
                />
                <span className={styles.word}>{retag.priorities[priority]}</span>
              </label>
            ))}
          </div>
        </fieldset>
        <label className={styles.fresh}>
          <input
            type="checkbox"
            className={styles.box}
            checked={again.fresh}
            onChange={(event) => setAgain({ ...again, fresh: event.target.checked })}
          />
          <span>
            {retag.fresh}
            <span className={styles.hint}>{retag.freshHint}</span>
          </span>
        </label>
        <div className={styles.actions}>
          <Button onClick={onClose}>{app.close}</Button>
          <Button type="submit" look="accent" icon={<Sparkles size={17} aria-hidden />}>
            {retag.go}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
