const PATHS = {
  chevron: "m6 4 4 4-4 4",
  warning: "M8 2.2 14.6 13.6H1.4L8 2.2Zm0 4.6v3m0 1.9v.1",
  check: "m3 8.5 3.2 3.2L13 4.8",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14",
  person: "M8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-5.5 6c.5-3 2.6-4.5 5.5-4.5s5 1.5 5.5 4.5",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm0-10v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1.1 1.1m7.8 7.8L13 13M13 3l-1.1 1.1M4.1 11.9 3 13",
  moon: "M13.5 9.8A6 6 0 1 1 6.2 2.5a4.8 4.8 0 0 0 7.3 7.3Z",
  auto: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 2v12M8 5h4.8M8 8h6M8 11h4.8",
  out: "M6.5 14H3V2h3.5M10.5 11.2 13.7 8l-3.2-3.2M13.5 8H6.5",
  external: "M6.5 3.5H3v9.5h9.5V9.5M9 3h4v4m0-4L7.5 8.5",
  refresh: "M13.5 3v3.5H10M13.2 6.5A5.7 5.7 0 1 0 13.7 9",
  eye: "M1.5 8C3 5 5.3 3.5 8 3.5S13 5 14.5 8c-1.5 3-3.8 4.5-6.5 4.5S3 11 1.5 8Zm6.5 2a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
} as const;

/** A drawing without meaning of its own: text stands beside it. */
export function Icon({ name, size = 16, className }: { name: keyof typeof PATHS; size?: number; className?: string | undefined }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width={size}
      height={size}
      className={className}
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
