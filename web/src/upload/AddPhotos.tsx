import { Camera, Plus } from "lucide-react";
import { useRef } from "react";
import { Button } from "../design/Button.tsx";
import { useMessages } from "../i18n/locale.ts";
import styles from "./AddPhotos.module.css";
import { upload } from "./upload.ts";

/** What the server takes; HEIC by name as well, for browsers that know no type for it. */
const TYPES = "image/jpeg,image/png,image/webp,image/gif,image/heic,image/avif,.heic,.heif,.avif";

/** The buttons that pick photos and, on a phone, take one. `compact`: an icon where room is little. */
export function AddPhotos({ compact }: { compact?: boolean }) {
  const { upload: messages } = useMessages();
  const picker = useRef<HTMLInputElement>(null);
  const camera = useRef<HTMLInputElement>(null);
  return (
    <div className={styles.add} data-compact={compact || undefined}>
      <Button
        look="plain"
        className={styles.camera}
        label={messages.camera}
        icon={<Camera size={18} strokeWidth={1.75} aria-hidden />}
        onClick={() => camera.current?.click()}
      />
      <Button
        look="accent"
        className={styles.pick}
        aria-label={messages.button}
        icon={<Plus size={18} strokeWidth={2.25} aria-hidden />}
        onClick={() => picker.current?.click()}
      >
        {messages.button}
      </Button>
      <Input of={picker} accept={TYPES} multiple />
      <Input of={camera} accept="image/*" capture="environment" />
    </div>
  );
}

interface InputProps {
  of: React.RefObject<HTMLInputElement | null>;
  accept: string;
  multiple?: boolean;
  capture?: "environment";
}

function Input({ of, ...rest }: InputProps) {
  return (
    <input
      ref={of}
      type="file"
      hidden
      {...rest}
      onChange={({ target }) => {
        upload([...(target.files ?? [])]);
        target.value = ""; // the same file may be picked again
      }}
    />
  );
}
