"""What the end-to-end tests share: the agent's process, fake servers, kubelet's files, waiting."""
