create table public.users (id uuid primary key default gen_random_uuid(), email text not null unique);
create table public.teams (id uuid primary key default gen_random_uuid(), name text not null, plan text);
create table public.team_members (
  team_id uuid not null references public.teams,
  user_id uuid not null references public.users,
  role text not null,
  primary key (team_id, user_id)
);
