import { Button, Menu, useMantineColorScheme, type MantineColorScheme } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";

import { answer, client } from "../api/client";
import { sessionQuery, statusQuery } from "../api/queries";
import { texts } from "../texts";
import { Banner } from "./Banner";
import { Icon } from "./Icon";
import css from "./Shell.module.css";
import { Loading } from "./States";

/** What stands around every page: navigation, account, and what is not known. */
export function Shell() {
  const status = useQuery(statusQuery);
  return (
    <>
      <a className={css.skip} href="#content">
        {texts.nav.skip}
      </a>
      <header className={css.header}>
        <div className={css.bar}>
          <Link to="/" className={css.brand} aria-label={texts.nav.home}>
            <img src="/vigie.svg" alt="" width={28} height={28} />
            <span>{texts.product}</span>
          </Link>
          <nav aria-label={texts.nav.label} className={css.nav}>
            <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={css.link}>
              {texts.nav.priorities}
            </Link>
            <Link to="/assets" activeOptions={{ includeSearch: false }} className={css.link}>
              {texts.nav.assets}
            </Link>
            <Link to="/jobs" activeOptions={{ includeSearch: false }} className={css.link}>
              {texts.nav.jobs}
            </Link>
            <Link to="/nodes" className={css.link}>
              {texts.nav.nodes}
            </Link>
          </nav>
          <Account />
        </div>
      </header>
      <main id="content" className={css.main}>
        {/* The banner comes first or not at all: nothing moves once it is there. */}
        {status.isPending ? (
          <Loading />
        ) : (
          <>
            <Banner status={status.data} failed={status.isError} />
            <Outlet />
          </>
        )}
      </main>
    </>
  );
}

const SCHEMES: readonly { scheme: MantineColorScheme; icon: "auto" | "sun" | "moon"; name: string }[] = [
  { scheme: "auto", icon: "auto", name: texts.nav.auto },
  { scheme: "light", icon: "sun", name: texts.nav.light },
  { scheme: "dark", icon: "moon", name: texts.nav.dark },
];

function Account() {
  const session = useQuery(sessionQuery);
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = useMutation({
    mutationFn: () => answer(client.DELETE("/api/v1/session")),
    onSuccess: async () => {
      await navigate({ to: "/sign-in" });
      queryClient.clear();
    },
  });
  const user = session.data?.user ?? "";
  return (
    <Menu position="bottom-end" width={220} withinPortal={false}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="compact-md"
          className={css.account}
          leftSection={<Icon name="person" />}
          aria-label={texts.nav.account(user)}
        >
          <bdi className={css.user}>{user}</bdi>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{texts.nav.scheme}</Menu.Label>
        {SCHEMES.map(({ scheme, icon, name }) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon name={icon} />}
            rightSection={colorScheme === scheme ? <Icon name="check" /> : null}
            role="menuitemradio"
            aria-checked={colorScheme === scheme}
            onClick={() => setColorScheme(scheme)}
          >
            {name}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="out" />} onClick={() => signOut.mutate()}>
          {texts.nav.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
