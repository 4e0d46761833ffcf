import { createTheme, type MantineColorsTuple } from "@mantine/core";

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
  primaryShade: { light: 7, dark: 4 },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
});
