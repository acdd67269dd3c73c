import { KeyRound } from "lucide-react";
import { useState } from "react";
import { useKey } from "../api/key.ts";
import { Button } from "../design/Button.tsx";
import { Dialog } from "../design/Dialog.tsx";
import { useMessages } from "../i18n/locale.ts";
import styles from "./KeyDialog.module.css";

/** Asks for the API key while somebody waits for one. */
export function KeyDialog() {
  const { asking, refused, answer } = useKey();
  const { key: messages } = useMessages();
  const [text, setText] = useState("");
  if (!asking) return null;
  return (
    <Dialog title={messages.title} onClose={() => answer(undefined)}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) answer(text.trim());
          setText("");
        }}
      >
        <p className={styles.text}>{messages.text}</p>
        <label className={styles.label}>
          <span>{messages.label}</span>
          <input
            data-first
            className={styles.input}
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
            aria-invalid={refused}
            aria-describedby={refused ? "key-refused" : undefined}
          />
        </label>
        {refused && (
          <p id="key-refused" role="alert" className={styles.refused}>
            {messages.wrong}
          </p>
        )}
        <Button type="submit" look="accent" icon={<KeyRound size={17} aria-hidden />}>
          {messages.enter}
        </Button>
      </form>
    </Dialog>
  );
}
