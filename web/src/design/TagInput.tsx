/** A field for the name of a tag, with suggestions of those in use. */

import { type KeyboardEvent, type ReactNode, type Ref, useId, useState } from "react";
import { useTags } from "../api/queries.ts";
import { useMessages } from "../i18n/locale.ts";
import styles from "./TagInput.module.css";

interface Props {
  label: string;
  hint?: string;
  icon?: ReactNode;
  value: string;
  onChange: (text: string) => void;
  /** A suggestion was taken. */
  onPick: (name: string) => void;
  /** Enter, with no suggestion pointed at. */
  onEnter: (text: string) => void;
  /** Backspace, where there is nothing to take away. */
  onBack?: () => void;
  /** Not suggested. */
  without: readonly string[];
  inputRef?: Ref<HTMLInputElement>;
  disabled?: boolean;
}

export function TagInput(props: Props) {
  const { label, hint, icon, value, onChange, onPick, onEnter, onBack, without } = props;
  const { tags: messages } = useMessages();
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const list = useId();
  const { data } = useTags(value.trim(), open);
  const names = data?.items.filter(({ name }) => !without.includes(name)) ?? [];
  const shown = open && names.length > 0;
  const close = () => {
    setOpen(false);
    setAt(-1);
  };
  const pick = (name: string) => {
    close();
    onPick(name);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      setOpen(true);
      // From the field (-1) through the names and round to the field again.
      setAt(((at + 1 + step + names.length + 1) % (names.length + 1)) - 1);
    } else if (event.key === "Enter") {
      const name = shown ? names[at]?.name : undefined;
      if (name) pick(name);
      else {
        close();
        onEnter(value.trim());
      }
    } else if (event.key === "Escape" && shown) {
      event.stopPropagation();
      close();
    } else if (event.key === "Backspace" && !value) return onBack?.();
    else return;
    event.preventDefault();
  };
  return (
    <div className={styles.field}>
      {icon && <span className={styles.icon}>{icon}</span>}
      <input
        ref={props.inputRef}
        className={styles.input}
        data-iconed={icon ? true : undefined}
        role="combobox"
        aria-label={label}
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={shown && at >= 0 ? `${list}-${at}` : undefined}
        placeholder={hint}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={64}
        disabled={props.disabled}
        value={value}
        onFocus={() => setOpen(true)}
        onBlur={close}
        onClick={() => setOpen(true)}
        onChange={(event) => {
          setOpen(true);
          setAt(-1);
          onChange(event.target.value);
        }}
        onKeyDown={onKey}
      />
      <div
        id={list}
        role="listbox"
        aria-label={messages.suggestions}
        hidden={!shown}
        className={styles.list}
      >
        {names.map(({ id, name, count }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: its keys are the field's
          // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the field
          <div
            key={id}
            id={`${list}-${index}`}
            role="option"
            aria-selected={index === at}
            className={styles.option}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => pick(name)}
          >
            <span className={styles.name}>{name}</span>
            <span className={styles.count}>{count}</span>
          </div>
        ))}
      </div>
    </div>
  );
}
