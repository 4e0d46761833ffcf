import { Button } from "@mantine/core";
import { useId, useLayoutEffect, useRef, type ReactNode } from "react";

import { texts } from "../texts";
import css from "./Confirm.module.css";

/** Asks before something that cannot be taken back. The browser keeps the focus inside and gives it back afterwards. */
export function Confirm(props: { title: string; act: string; onAct: () => void; onClose: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [title, words] = [useId(), useId()];
  // Before the element goes, since only an open dialog gives the focus back when it closes.
  useLayoutEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      className={css.dialog}
      aria-labelledby={title}
      aria-describedby={words}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <h2 id={title}>{props.title}</h2>
      <div id={words} className={css.words}>
        {props.children}
      </div>
      <div className={css.buttons}>
        <Button variant="default" onClick={props.onClose}>
          {texts.confirm.keep}
        </Button>
        <Button className={css.act} onClick={props.onAct}>
          {props.act}
        </Button>
      </div>
    </dialog>
  );
}
