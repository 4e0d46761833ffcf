/** A number with its thousands apart. */
export const count = (n: number) => n.toLocaleString("en-GB");

/** A number with what is counted. */
export const plural = (n: number, one: string, many: string) => `${count(n)} ${n === 1 ? one : many}`;
