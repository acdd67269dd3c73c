/** All toasts: the one place for where they stand, how long, and with which icons. */

import { Check, LoaderCircle, RotateCcw, Trash2, TriangleAlert, X } from "lucide-react";
import type { CSSProperties } from "react";
import { createPortal } from "react-dom";
import { toast as sonner, Toaster } from "sonner";
import "sonner/dist/styles.css";
import { Button } from "../design/Button.tsx";
import { useMessages } from "../i18n/locale.ts";
import "./toasts.css";

const POSITION = "top-right";
const SHOWN_MS = { success: 3_500, error: 4_000, cancelled: 3_000, info: 3_500 };
const ICON = { size: 18, strokeWidth: 2, "aria-hidden": true } as const;
const ICONS = {
  loading: <LoaderCircle {...ICON} className="toast-turning" />,
  success: <Check {...ICON} />,
  error: <TriangleAlert {...ICON} />,
  retrying: <RotateCcw {...ICON} />,
  cancelled: <X {...ICON} />,
  removed: <Trash2 {...ICON} />,
};

interface Toast {
  /** Toasts of one id are one toast that changes. */
  id?: string | number;
  text?: string | undefined;
  action?: { label: string; onClick: () => void };
}

/** Those that were put away, or swiped, stay so until there is more to say than that all goes on. */
const away = new Set<string | number>();

export const toast = {
  /** Stays until another of the same id takes its place, or it is put away: it covers what is below. */
  loading: (title: string, more: Lasting) => {
    if (away.has(more.id)) return;
    sonner.loading(title, { ...shown(more), ...lasting(more), icon: ICONS.loading });
  },
  retrying: (title: string, more: Lasting) =>
    sonner.warning(title, { ...shown(more), ...lasting(more), icon: ICONS.retrying }),
  success: (title: string, more: Toast = {}) =>
    sonner.success(title, { ...shown(more), icon: ICONS.success, duration: SHOWN_MS.success }),
  error: (title: string, more: Toast = {}) =>
    sonner.error(title, { ...shown(more), icon: ICONS.error, duration: SHOWN_MS.error }),
  cancelled: (title: string, more: Toast = {}) =>
    sonner(title, { ...shown(more), icon: ICONS.cancelled, duration: SHOWN_MS.cancelled }),
  info: (title: string, more: Toast = {}) =>
    sonner(title, { ...shown(more), duration: SHOWN_MS.info }),
  /** Stays while something can be undone: who says it dismisses it. */
  undo: (title: string, more: Toast = {}) =>
    sonner(title, {
      ...shown(more),
      icon: ICONS.removed,
      duration: Number.POSITIVE_INFINITY,
    }),
  dismiss: (id: string | number) => sonner.dismiss(id),
};

interface Lasting extends Toast {
  id: string;
}

function lasting({ id }: Lasting) {
  return {
    duration: Number.POSITIVE_INFINITY,
    action: <PutAway id={id} />,
    onDismiss: () => void away.add(id),
  };
}

function PutAway({ id }: { id: string }) {
  const { app } = useMessages();
  return (
    <Button
      look="quiet"
      className="toast-away"
      label={app.close}
      icon={<X size={16} aria-hidden />}
      onClick={() => sonner.dismiss(id)}
    />
  );
}

/** Sonner merges what it is told of one id: what a toast no longer has must be said. */
function shown({ id, text, action }: Toast) {
  if (id !== undefined) away.delete(id);
  return {
    ...(id !== undefined && { id }),
    description: text ?? "",
    action: action ?? null,
    onDismiss: () => {},
  };
}

export function Toasts() {
  const messages = useMessages();
  // Outside of the page, which is inert below a dialog.
  return createPortal(
    <Toaster
      position={POSITION}
      visibleToasts={4}
      gap={10}
      offset={{ top: "calc(var(--header) + var(--s3))", right: "var(--s4)" }}
      mobileOffset={{ top: "calc(env(safe-area-inset-top) + var(--s3))" }}
      containerAriaLabel={messages.toast.region}
      style={{ "--width": "20.25rem" } as CSSProperties}
      toastOptions={{
        classNames: { toast: "toast", description: "toast-text", actionButton: "toast-action" },
      }}
    />,
    document.body,
  );
}
