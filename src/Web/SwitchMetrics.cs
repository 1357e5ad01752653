using Softswitch.Hosting.Reports;

namespace Softswitch.Web;

/// <summary>A report as metrics. Names and units are conventions of Prometheus: base units, <c>_total</c> for what only rises.</summary>
/// <remarks>As many samples as there are ports, workers, controllers and reasons; peers of listeners, of which a script makes a new one a second, are only counted.</remarks>
internal static class SwitchMetrics
{
    public static MetricsText Write(SwitchReport report)
    {
        var text = new MetricsText();
        AppendSwitch(text, report);
        AppendPorts(text, report.Ports);
        AppendAccount(text, report.Accounts.Rows);
        AppendWorkers(text, report.Workers);
        AppendTables(text, report);
        AppendControllers(text, report);
        AppendCards(text, report.Cards);
        AppendMemory(text, report.Memory);
        AppendProcess(text, report);
        return text;
    }

    private static void AppendSwitch(MetricsText text, SwitchReport report)
    {
        text.Gauge("softswitch_build_info", "What runs; always 1.").Sample(1, ("version", report.Version), ("datapath_id", report.DatapathId), ("name", report.Name));
        text.Gauge("softswitch_uptime_seconds", "Since the switch was started.").Sample(report.UptimeSeconds);
        text.Gauge("softswitch_emergency_active", "Whether the emergency flow entries are in force.").Sample(report.IsInEmergency ? 1 : 0);
        text.Counter("softswitch_dropped_packets_total", "Packets that ended inside the switch, over all ports.");
        AppendReasons(text, report.Drops);
    }

    private static void AppendPorts(MetricsText text, IReadOnlyList<PortReport> ports)
    {
        void Gauge(string name, string help, Func<PortReport, double> value) => text.Gauge($"softswitch_port_{name}", help).Samples(ports, value, Labels);
        void Counter(string name, string help, Func<PortReport, double> value) => text.Counter($"softswitch_port_{name}", help).Samples(ports, value, Labels);
        Gauge("up", "Whether the port has its link.", port => port.State == "up" ? 1 : 0);
        Gauge("speed_bytes", "Bytes a second that the link or its limit allows; 0 if unknown.", port => port.RateBitsPerSecond / 8.0);
        Gauge("mtu_bytes", "Of the longest IP packet; 0 without a limit.", port => port.Mtu);
        Counter("receive_packets_total", "Packets from the wire.", port => port.Traffic.ReceivedPackets);
        Counter("receive_bytes_total", "Bytes from the wire, from the Ethernet header on.", port => port.Traffic.ReceivedBytes);
        Counter("receive_drop_total", "OpenFlow's rx_dropped.", port => port.Traffic.ReceiveDropped);
        Counter("receive_errs_total", "OpenFlow's rx_errors.", port => port.Traffic.ReceiveErrors);
        Counter("transmit_packets_total", "Packets to the wire.", port => port.Traffic.SentPackets);
        Counter("transmit_bytes_total", "Bytes to the wire, from the Ethernet header on.", port => port.Traffic.SentBytes);
        Counter("transmit_drop_total", "OpenFlow's tx_dropped.", port => port.Traffic.SendDropped);
        Counter("transmit_errs_total", "OpenFlow's tx_errors.", port => port.Traffic.SendErrors);
        text.Counter("softswitch_port_dropped_packets_total", "Packets that ended at this port, by reason.");
        foreach (PortReport port in ports)
        {
            AppendReasons(text, port.Drops, Labels(port));
        }
    }

    /// <summary>Rows of ports, of the controller, of the switch itself and of ports that went: over all of them no packet is missing.</summary>
    private static void AppendAccount(MetricsText text, IReadOnlyList<AccountRowReport> rows)
    {
        text.Counter("softswitch_account_packets_total", "Where packets came from and went: received + made + output = forwarded + sent + used + held + dropped.");
        foreach (AccountRowReport row in rows)
        {
            AccountReport account = row.Account;
            foreach ((string stage, long packets) in ((string, long)[])
                [
                    ("received", account.Received), ("made", account.Made), ("output", account.Output), ("forwarded", account.Forwarded),
                    ("sent", account.Sent), ("used", account.Used), ("dropped", account.Dropped),
                ])
            {
                text.Sample(packets, [.. Labels(row), ("stage", stage)]);
            }
        }
        text.Gauge("softswitch_account_held_packets", "Packets that are in the switch now.").Samples(rows, row => row.Account.Held, Labels);
    }

    private static void AppendWorkers(MetricsText text, IReadOnlyList<WorkerReport> workers)
    {
        void Counter(string name, string help, Func<WorkerReport, double> value) => text.Counter($"softswitch_worker_{name}", help).Samples(workers, value, Labels);
        Counter("passes_total", "Passes over all ports.", worker => worker.Passes);
        Counter("busy_passes_total", "Passes that moved packets.", worker => worker.BusyPasses);
        Counter("busy_seconds_total", "Time that busy passes took: the worker's load.", worker => worker.BusySeconds);
        Counter("sleeps_total", "How often the worker went to sleep.", worker => worker.Sleeps);
        Counter("batches_total", "Batches of packets looked up.", worker => worker.Batches);
        Counter("packets_total", "Packets looked up.", worker => worker.Packets);
        text.Counter("softswitch_worker_dropped_packets_total", "Packets that ended in this worker's hands, by reason.");
        foreach (WorkerReport worker in workers)
        {
            AppendReasons(text, worker.Drops, Labels(worker));
        }
    }

    private static void AppendTables(MetricsText text, SwitchReport report)
    {
        (string, string)[] Name(TableReport table) => [("table", table.Name)];
        text.Gauge("softswitch_table_entries", "Flow entries.").Samples(report.Tables, table => table.Entries, Name);
        text.Gauge("softswitch_table_entries_limit", "Flow entries there may be.").Samples(report.Tables, table => table.Limit, Name);
        text.Counter("softswitch_table_lookups_total", "Packets looked for.").Samples(report.Tables, table => table.Lookups, Name);
        text.Counter("softswitch_table_matches_total", "Packets found.").Samples(report.Tables, table => table.Matches, Name);
        text.Counter("softswitch_flow_mods_total", "Flow-mods carried out.").Samples(report.FlowMods.Done, one => one.Value, one => [("command", one.Key)]);
        text.Counter("softswitch_flow_mods_refused_total", "Flow-mods answered with an error.").Samples(report.FlowMods.Refused, one => one.Value, one => [("error", one.Key)]);
    }

    private static void AppendControllers(MetricsText text, SwitchReport report)
    {
        // The same target may be configured twice; a sample may not be there twice.
        ControllerReport[] controllers = [.. report.Controllers.Where(one => !one.IsPeer).DistinctBy(one => one.Name)];
        (string, string)[] Name(ControllerReport controller) => [("controller", controller.Name)];
        text.Gauge("softswitch_controller_connected", "Whether the controller is connected.").Samples(controllers, one => one.State == "connected" ? 1 : 0, Name);
        text.Gauge("softswitch_controller_latency_seconds", "What the last echo took.")
            .Samples(controllers.Where(one => one.LatencySeconds != null), one => one.LatencySeconds!.Value, Name);
        text.Counter("softswitch_controller_requests_total", "Messages on this connection, besides echoes.").Samples(controllers, one => one.Requests, Name);
        text.Gauge("softswitch_connections", "OpenFlow connections that are open, of tools too.").Sample(report.Connections.Open);
        text.Counter("softswitch_connections_established_total", "OpenFlow connections that ever were.").Sample(report.Connections.Established);
        text.Counter("softswitch_connections_refused_total", "OpenFlow connections refused, or given up for others.").Sample(report.Connections.Refused);
        text.Counter("softswitch_packet_ins_total", "Packets delivered to controllers, or to the program the switch runs in.").Sample(report.PacketIns.Delivered);
        text.Counter("softswitch_packet_ins_dropped_total", "Packets for controllers that were lost: to the rate limit, to a full queue, to a controller that reads too slowly.")
            .Sample(report.PacketIns.DroppedByLimit, ("by", "limit")).Sample(report.PacketIns.DroppedByQueue, ("by", "queue")).Sample(report.PacketIns.DroppedByReaders, ("by", "reader"));
    }

    private static void AppendCards(MetricsText text, IReadOnlyList<CardSummary> cards)
    {
        (string, string)[] Name(CardSummary card) => [("card", card.Name)];
        text.Gauge("softswitch_card_forwards", "Whether the card forwards by flow entries at the moment.").Samples(cards, card => card.IdleReason == null ? 1 : 0, Name);
        text.Gauge("softswitch_card_wildcard_rows_used", "Rows taken of the card's wildcard table.").Samples(cards, card => card.RowsUsed, Name);
        text.Gauge("softswitch_card_exact_slots_used", "Slots taken of the card's exact table.").Samples(cards, card => card.SlotsUsed, Name);
    }

    private static void AppendMemory(MetricsText text, MemoryReport memory)
    {
        text.Gauge("softswitch_frames", "Frames in the pool.").Sample(memory.Frames);
        text.Gauge("softswitch_frames_free", "Frames in the pool and in nobody's hands.").Sample(memory.FreeFrames);
        text.Gauge("softswitch_buffers", "Places for packets that wait for a controller's word.").Sample(memory.Buffers);
        text.Gauge("softswitch_buffers_used", "Of these places, taken.").Sample(memory.UsedBuffers);
        text.Gauge("softswitch_action_list_bytes", "Memory of action lists in use.").Sample(memory.ActionListBytes);
        text.Gauge("softswitch_action_list_limit_bytes", "Memory of action lists there may be.").Sample(memory.ActionListLimitBytes);
    }

    private static void AppendProcess(MetricsText text, SwitchReport report)
    {
        ProcessReport process = report.Process;
        text.Counter("process_cpu_seconds_total", "Processor time of all threads.").Sample(process.ProcessorSeconds);
        text.Gauge("process_resident_memory_bytes", "Resident memory.").Sample(process.ResidentBytes);
        text.Gauge("process_start_time_seconds", "Start of the switch, since the epoch.")
            .Sample(Math.Round((report.Time.ToUnixTimeMilliseconds() / 1000.0) - report.UptimeSeconds, 1));
        text.Gauge("process_open_fds", "Open file descriptors.").Sample(process.OpenFiles);
        text.Gauge("process_threads", "Threads.").Sample(process.Threads);
        text.Gauge("dotnet_managed_heap_bytes", "Of the garbage collector's heap.").Sample(process.ManagedBytes);
        text.Counter("dotnet_collections_total", "Garbage collections.").Sample(process.Collections);
    }

    private static void AppendReasons(MetricsText text, IReadOnlyDictionary<string, long> drops, params (string Name, string Value)[] labels)
    {
        foreach ((string reason, long packets) in drops)
        {
            text.Sample(packets, [.. labels, ("reason", reason)]);
        }
    }

    private static (string Name, string Value)[] Labels(PortReport port) => [("port", port.Label), ("name", port.Name)];

    private static (string Name, string Value)[] Labels(AccountRowReport row) => [("kind", row.Kind), ("port", $"{row.Port}"), ("name", row.Name)];

    private static (string Name, string Value)[] Labels(WorkerReport worker) => [("worker", $"{worker.Id}")];
}
