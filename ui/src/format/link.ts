/** Lets a publisher's address through only where it is a web page: a feed is hostile input. */
export function webAddress(value: string): string | null {
  try {
    const url = new URL(value);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** Keeps only a path of this site as the place to go to after signing in. */
export function ownPath(value: string | undefined): string {
  if (!value || !/^\/(?![/\\])/.test(value)) return "/";
  return value;
}
