import { Component, type ReactNode } from "react";
import { Button } from "../design/Button.tsx";
import { Notice } from "../design/Notice.tsx";
import { messages } from "../i18n/locale.ts";

/** Shows that a part of the page broke, in place of nothing at all. */
export class Boundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override componentDidCatch(error: Error) {
    console.error(error);
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    const { app } = messages();
    return (
      <Notice icon="cloud" title={app.broke} whole>
        <Button look="accent" onClick={() => location.reload()}>
          {app.reload}
        </Button>
      </Notice>
    );
  }
}
