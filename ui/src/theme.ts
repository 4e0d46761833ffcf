import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#eaf6f9", "#d3eaf0", "#a5d4e1", "#74bdd1", "#4daac4", "#3199b6", "#1f7f9b", "#12647a", "#0d5163", "#083d4b",
];

const slate: MantineColorsTuple = [
  "#dfe7eb", "#bccad1", "#9aabb5", "#74858f", "#3f4e57", "#2c3840", "#202a31", "#182127", "#10171c", "#0b1115",
];

/** Mantine's part of the look; the rest is in styles.css. */
export const theme = createTheme({
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, 'Cascadia Mono', 'Liberation Mono', Menlo, Consolas, monospace",
  colors: { petrol, dark: slate },
  primaryColor: "petrol",
  primaryShade: 7,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
});

const own = {
  "--mantine-color-body": "var(--ground)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--muted)",
  "--mantine-color-placeholder": "var(--muted)",
  "--mantine-color-error": "var(--danger)",
  "--mantine-color-default": "var(--surface)",
  "--mantine-color-default-hover": "var(--raised)",
  "--mantine-color-default-color": "var(--text)",
  "--mantine-color-default-border": "var(--line-strong)",
};

/** Gives Mantine the colours of styles.css, which come in pairs themselves. */
export const variables: CSSVariablesResolver = () => ({ variables: {}, light: own, dark: own });
