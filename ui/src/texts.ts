import { en } from "./texts/en";

/** A catalogue of every sentence that a page shows. A further language has the same members. */
export type Texts = typeof en;

/** The catalogue in use. */
export const texts: Texts = en;
