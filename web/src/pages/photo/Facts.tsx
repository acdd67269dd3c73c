import { Copy } from "lucide-react";
import type { ReactNode } from "react";
import type { Photo } from "../../api/types.ts";
import { clock, degrees, moment, number, size } from "../../i18n/amounts.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { toast } from "../../toasts/toasts.tsx";
import page from "../PhotoPage.module.css";
import styles from "./Facts.module.css";

/** Types as people call them. */
const TYPES: Record<string, string> = {
  "image/jpeg": "JPEG",
  "image/png": "PNG",
  "image/webp": "WebP",
  "image/gif": "GIF",
  "image/heic": "HEIC",
  "image/avif": "AVIF",
};
/** Characters of the hash that are shown. */
const SHORT = 12;

/** All that is known of a photo, but for its tags. */
export function Facts({ photo }: { photo: Photo }) {
  const { photo: messages } = useMessages();
  const locale = useLocale();
  const megapixels = (photo.width * photo.height) / 1e6;
  return (
    <section aria-labelledby="facts">
      <h2 id="facts" className={page.heading}>
        {messages.facts}
      </h2>
      <dl className={styles.facts}>
        {photo.takenAt && (
          <Fact name={messages.taken}>
            <time dateTime={photo.takenAt}>{clock(photo.takenAt, locale)}</time>
          </Fact>
        )}
        {photo.camera && <Fact name={messages.camera}>{photo.camera}</Fact>}
        {photo.place && <Fact name={messages.place}>{degrees(photo.place, locale)}</Fact>}
        <Fact name={messages.dimensions}>
          {number(photo.width, locale)} × {number(photo.height, locale)}
          {megapixels >= 0.1 && (
            <span className={styles.faint}>
              {" "}
              · {messages.pixels(number(megapixels, locale, 1))}
            </span>
          )}
        </Fact>
        <Fact name={messages.size}>{size(photo.size, locale)}</Fact>
        <Fact name={messages.type}>{TYPES[photo.contentType] ?? photo.contentType}</Fact>
        {photo.provider && (
          <Fact name={messages.provider}>
            {messages.providers[photo.provider] ?? photo.provider}
          </Fact>
        )}
        <Fact name={messages.added}>
          <time dateTime={photo.createdAt}>{moment(photo.createdAt, locale)}</time>
        </Fact>
        {photo.updatedAt !== photo.createdAt && (
          <Fact name={messages.changed}>
            <time dateTime={photo.updatedAt}>{moment(photo.updatedAt, locale)}</time>
          </Fact>
        )}
        {photo.colors.length > 0 && (
          <Fact name={messages.colors}>
            <Colors colors={photo.colors} />
          </Fact>
        )}
        <Fact name={messages.file}>
          <span className={styles.mono}>{photo.filename}</span>
        </Fact>
        <Fact name={messages.hash}>
          <Hash hash={photo.sha256} />
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={styles.fact}>
      <dt className={styles.name}>{name}</dt>
      <dd className={styles.value}>{children}</dd>
    </div>
  );
}

function Colors({ colors }: { colors: readonly string[] }) {
  return (
    <ul className={styles.colors}>
      {colors.map((color) => (
        <li key={color} className={styles.color} style={{ backgroundColor: color }} title={color}>
          <span className="unseen">{color}</span>
        </li>
      ))}
    </ul>
  );
}

function Hash({ hash }: { hash: string }) {
  const { photo } = useMessages();
  const copy = async () => {
    await navigator.clipboard.writeText(hash);
    toast.info(photo.copied);
  };
  return (
    <span className={styles.hash}>
      <code className={styles.mono} title={hash}>
        {hash.slice(0, SHORT)}
      </code>
      {/* Only where the browser has a clipboard for us: https, or this machine. */}
      {navigator.clipboard && (
        <button
          type="button"
          className={styles.copy}
          aria-label={photo.copyHash}
          title={photo.copyHash}
          onClick={() => void copy()}
        >
          <Copy size={14} aria-hidden />
        </button>
      )}
    </span>
  );
}
