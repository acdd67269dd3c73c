import { X } from "lucide-react";
import { useRef, useState } from "react";
import { ApiError, explain } from "../../api/problems.ts";
import { losePhoto, putPhoto } from "../../api/queries.ts";
import { api } from "../../api/routes.ts";
import type { Photo } from "../../api/types.ts";
import { TagInput } from "../../design/TagInput.tsx";
import { percent } from "../../i18n/amounts.ts";
import { messages, useLocale, useMessages } from "../../i18n/locale.ts";
import { toast } from "../../toasts/toasts.tsx";
import styles from "./TagEditor.module.css";
import { added, MOST } from "./tags.ts";

interface Props {
  photo: Photo;
  read: boolean;
  disabled: boolean;
}

/**
 * The tags of a photo, each with how sure the model was; added to and taken from by hand.
 * `read`: the model has seen it, so that no tags are what it has to say. `disabled`: they may be
 * old, and what is saved takes the place of them all.
 */
export function TagEditor({ photo, read, disabled }: Props) {
  const { tags: texts, progress } = useMessages();
  const locale = useLocale();
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const { names, save } = useSaved(photo);
  const add = (name: string) => {
    const next = added(names, name);
    setText("");
    if (next !== names) save(next);
  };
  const drop = (name: string) => {
    save(names.filter((each) => each !== name));
    field.current?.focus();
  };
  const known = new Map(photo.tags.map((tag) => [tag.name, tag]));
  return (
    <div className={styles.editor}>
      {names.length > 0 && (
        <ul className={styles.tags} aria-label={progress.tags}>
          {names.map((name) => {
            const confidence = known.get(name)?.confidence ?? null;
            return (
              <li key={name} className={styles.tag}>
                <span className={styles.name}>{name}</span>
                {confidence !== null && (
                  <span className={styles.sure}>{percent(confidence, locale)}</span>
                )}
                <button
                  type="button"
                  className={styles.drop}
                  disabled={disabled}
                  aria-label={texts.remove(name)}
                  title={texts.remove(name)}
                  onClick={() => drop(name)}
                >
                  <X size={13} strokeWidth={2.25} aria-hidden />
                </button>
              </li>
            );
          })}
        </ul>
      )}
      {!names.length && read && <p className={styles.none}>{progress.noTags}</p>}
      <TagInput
        label={texts.add}
        hint={names.length < MOST ? texts.add : texts.most}
        value={text}
        onChange={setText}
        onPick={add}
        onEnter={add}
        onBack={() => names.length && drop(names.at(-1) ?? "")}
        without={names}
        inputRef={field}
        disabled={disabled || names.length >= MOST}
      />
    </div>
  );
}

/**
 * The names as they are wanted, at once, and how to want others: sent one after the other, so that
 * the last wish is the last to arrive. What is refused is as it was, and told.
 */
function useSaved(photo: Photo) {
  const [wanted, setWanted] = useState<readonly string[]>();
  const queue = useRef<{ busy: boolean; next: readonly string[] | undefined }>({
    busy: false,
    next: undefined,
  });
  const send = async () => {
    const { current: state } = queue;
    if (state.busy) return;
    state.busy = true;
    try {
      for (let next = state.next; next; next = state.next) {
        state.next = undefined;
        putPhoto(await api.editTags(photo.id, [...next]));
      }
    } catch (error) {
      state.next = undefined;
      if (error instanceof ApiError && error.status === 404) losePhoto(photo.id);
      else toast.error(explain(error, messages()));
    }
    state.busy = false;
    setWanted(undefined);
  };
  const save = (names: readonly string[]) => {
    setWanted(names);
    queue.current.next = names;
    void send();
  };
  return { names: wanted ?? photo.tags.map((tag) => tag.name), save };
}
