import { ChevronDown, Search, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { PhotoFilter } from "../../api/routes.ts";
import { TagInput } from "../../design/TagInput.tsx";
import { useMessages } from "../../i18n/locale.ts";
import { isFiltered, STATUSES } from "../../photos/filter.ts";
import styles from "./Tools.module.css";

/** What is written is searched for after so long without another letter, ms. */
const PAUSE_MS = 250;

interface Props {
  filter: PhotoFilter;
  onFilter: (filter: PhotoFilter) => void;
  /** Of the photos that are shown; undefined while it is not known. */
  count: number | undefined;
  /** Something else is in its place. */
  covered: boolean;
}

/** Search, tags and status: which photos are shown. */
export function Tools({ filter, onFilter, count, covered }: Props) {
  const { gallery } = useMessages();
  const { tag: tags = [], status, q } = filter;
  const [text, setText] = useText(filter, onFilter);
  const input = useRef<HTMLInputElement>(null);
  const set = (changes: Partial<PhotoFilter>) => onFilter({ ...filter, ...changes });
  const addTag = (name: string) => {
    setText("");
    const { q: _, ...rest } = filter;
    onFilter({ ...rest, tag: [...new Set([...tags, name])] });
  };
  const dropTag = (name: string) => {
    set({ tag: tags.filter((each) => each !== name) });
    input.current?.focus();
  };
  return (
    <search className={styles.tools} inert={covered}>
      <div className={styles.row}>
        <TagInput
          label={gallery.search}
          hint={gallery.search}
          icon={<Search size={17} aria-hidden />}
          value={text}
          onChange={setText}
          onPick={addTag}
          onEnter={(word) => set({ q: word })}
          onBack={() => tags.length && dropTag(tags.at(-1) ?? "")}
          without={tags}
          inputRef={input}
        />
        <div className={styles.choice}>
          <select
            className={styles.status}
            aria-label={gallery.status}
            value={status ?? ""}
            data-set={status ? true : undefined}
            onChange={({ target }) =>
              set({ status: STATUSES.find((each) => each === target.value) })
            }
          >
            <option value="">{gallery.statuses.all}</option>
            {STATUSES.map((each) => (
              <option key={each} value={each}>
                {gallery.statuses[each]}
              </option>
            ))}
          </select>
          <ChevronDown size={16} className={styles.arrow} aria-hidden />
        </div>
        {count !== undefined && <p className={styles.count}>{gallery.count(count)}</p>}
      </div>
      {isFiltered(filter) && (
        <div className={styles.row} data-chips>
          {tags.map((name) => (
            <button
              key={name}
              type="button"
              className={styles.chip}
              aria-label={gallery.dropTag(name)}
              onClick={() => dropTag(name)}
            >
              {name}
              <X size={14} strokeWidth={2.25} aria-hidden />
            </button>
          ))}
          {q && <span className={styles.found}>{gallery.starting(q)}</span>}
          <button
            type="button"
            className={styles.clear}
            onClick={() => {
              setText("");
              onFilter({});
              input.current?.focus();
            }}
          >
            {gallery.clear}
          </button>
        </div>
      )}
    </search>
  );
}

/** The field's text, which becomes the filter's `q` after a pause. */
function useText(
  filter: PhotoFilter,
  onFilter: (filter: PhotoFilter) => void,
): [string, (text: string) => void] {
  const { q = "" } = filter;
  const [text, setText] = useState(q);
  const written = useRef(q);
  const now = useRef({ filter, onFilter });
  now.current = { filter, onFilter };
  // The address has changed by itself: back, or a link.
  if (q !== written.current) {
    written.current = q;
    setText(q);
  }
  useEffect(() => {
    if (text.trim() === written.current) return;
    const timer = setTimeout(() => {
      written.current = text.trim();
      const { q: _, ...rest } = now.current.filter;
      now.current.onFilter(text.trim() ? { ...rest, q: text.trim() } : rest);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}
