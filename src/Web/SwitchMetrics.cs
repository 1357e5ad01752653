using Softswitch.Hosting.Reports;

namespace Softswitch.Web;

/// <summary>Reports as metrics. Names and units are conventions of Prometheus: base units, <c>_total</c> for what only rises.</summary>
/// <remarks>As many samples as there are ports, workers, controllers and reasons; peers of listeners, of which a script makes a new one a second, are only counted.</remarks>
internal sealed class SwitchMetrics
{
    private readonly MetricsText _text = new();
    private readonly IReadOnlyList<SwitchReport> _switches;
    private readonly GroupReport _process;
    private readonly bool _areLabelled;

    private SwitchMetrics(IReadOnlyList<SwitchReport> switches, GroupReport process, bool areLabelled)
    {
        _switches = switches;
        _process = process;
        _areLabelled = areLabelled;
    }

    /// <param name="switches">No two of one name.</param>
    /// <param name="process">That they run in.</param>
    /// <param name="areLabelled">Whether each sample of a switch has its name as a label, as where there are several.</param>
    public static MetricsText Write(IReadOnlyList<SwitchReport> switches, GroupReport process, bool areLabelled)
    {
        var metrics = new SwitchMetrics(switches, process, areLabelled);
        metrics.AppendSwitches();
        metrics.AppendPorts();
        metrics.AppendAccounts();
        metrics.AppendWorkers();
        metrics.AppendTables();
        metrics.AppendControllers();
        metrics.AppendCards();
        metrics.AppendMemory();
        metrics.AppendProcess();
        return metrics._text;
    }

    private void AppendSwitches()
    {
        _text.Gauge("softswitch_running", "Whether the switch runs; 0 for one of several that failed.");
        foreach (SwitchSummary one in _process.Switches)
        {
            _text.Switch = _areLabelled ? one.Name : null;
            _text.Sample(one.State == SwitchSummary.Failed ? 0 : 1);
        }
        _text.Switch = null;
        Gauge("softswitch_build_info", "What runs; always 1.", one => _text.Sample(1, ("version", one.Version), ("datapath_id", one.DatapathId), ("name", one.Name)));
        Gauge("softswitch_uptime_seconds", "Since the switch was started.", one => _text.Sample(one.UptimeSeconds));
        Gauge("softswitch_emergency_active", "Whether the emergency flow entries are in force.", one => _text.Sample(one.IsInEmergency ? 1 : 0));
        Counter("softswitch_dropped_packets_total", "Packets that ended inside the switch, over all ports.", one => AppendReasons(one.Drops));
    }

    private void AppendPorts()
    {
        void OfPorts(Func<string, string, MetricsText> begin, string name, string help, Func<PortReport, double> value)
        {
            begin($"softswitch_port_{name}", help);
            Each(one => _text.Samples(one.Ports, value, Labels));
        }

        OfPorts(_text.Gauge, "up", "Whether the port has its link.", port => port.State == "up" ? 1 : 0);
        OfPorts(_text.Gauge, "speed_bytes", "Bytes a second that the link or its limit allows; 0 if unknown.", port => port.RateBitsPerSecond / 8.0);
        OfPorts(_text.Gauge, "mtu_bytes", "Of the longest IP packet; 0 without a limit.", port => port.Mtu);
        OfPorts(_text.Counter, "receive_packets_total", "Packets from the wire.", port => port.Traffic.ReceivedPackets);
        OfPorts(_text.Counter, "receive_bytes_total", "Bytes from the wire, from the Ethernet header on.", port => port.Traffic.ReceivedBytes);
        OfPorts(_text.Counter, "receive_drop_total", "OpenFlow's rx_dropped.", port => port.Traffic.ReceiveDropped);
        OfPorts(_text.Counter, "receive_errs_total", "OpenFlow's rx_errors.", port => port.Traffic.ReceiveErrors);
        OfPorts(_text.Counter, "transmit_packets_total", "Packets to the wire.", port => port.Traffic.SentPackets);
        OfPorts(_text.Counter, "transmit_bytes_total", "Bytes to the wire, from the Ethernet header on.", port => port.Traffic.SentBytes);
        OfPorts(_text.Counter, "transmit_drop_total", "OpenFlow's tx_dropped.", port => port.Traffic.SendDropped);
        OfPorts(_text.Counter, "transmit_errs_total", "OpenFlow's tx_errors.", port => port.Traffic.SendErrors);
        Counter("softswitch_port_dropped_packets_total", "Packets that ended at this port, by reason.", one =>
        {
            foreach (PortReport port in one.Ports)
            {
                AppendReasons(port.Drops, Labels(port));
            }
        });
        void OfQueues(string name, string help, Func<QueueReport, double> value) => Counter($"softswitch_queue_{name}", help, one =>
        {
            foreach (PortReport port in one.Ports)
            {
                _text.Samples(port.Queues, value, queue => [.. Labels(port), ("queue", $"{queue.Id}")]);
            }
        });

        OfQueues("transmit_packets_total", "Packets that left by this queue of a port.", queue => queue.SentPackets);
        OfQueues("transmit_bytes_total", "Bytes that left by this queue.", queue => queue.SentBytes);
        OfQueues("transmit_errs_total", "OpenFlow's tx_errors: packets that came when this queue was full.", queue => queue.SendDropped);
    }

    /// <summary>Rows of ports, of the controller, of the switch itself and of ports that went: over all of them no packet is missing.</summary>
    private void AppendAccounts()
    {
        Counter(
            "softswitch_account_packets_total", "Where packets came from and went: received + made + output = forwarded + sent + used + held + dropped.",
            one =>
            {
                foreach (AccountRowReport row in one.Accounts.Rows)
                {
                    AppendAccount(row);
                }
            });
        Gauge("softswitch_account_held_packets", "Packets that are in the switch now.", one => _text.Samples(one.Accounts.Rows, row => row.Account.Held, Labels));
    }

    private void AppendAccount(AccountRowReport row)
    {
        AccountReport account = row.Account;
        foreach ((string stage, long packets) in ((string, long)[])
            [
                ("received", account.Received), ("made", account.Made), ("output", account.Output), ("forwarded", account.Forwarded),
                ("sent", account.Sent), ("used", account.Used), ("dropped", account.Dropped),
            ])
        {
            _text.Sample(packets, [.. Labels(row), ("stage", stage)]);
        }
    }

    private void AppendWorkers()
    {
        void OfWorkers(string name, string help, Func<WorkerReport, double> value) =>
            Counter($"softswitch_worker_{name}", help, one => _text.Samples(one.Workers, value, Labels));

        OfWorkers("passes_total", "Passes over all ports.", worker => worker.Passes);
        OfWorkers("busy_passes_total", "Passes that moved packets.", worker => worker.BusyPasses);
        OfWorkers("busy_seconds_total", "Time that busy passes took: the worker's load.", worker => worker.BusySeconds);
        OfWorkers("sleeps_total", "How often the worker went to sleep.", worker => worker.Sleeps);
        OfWorkers("batches_total", "Batches of packets looked up.", worker => worker.Batches);
        OfWorkers("packets_total", "Packets looked up.", worker => worker.Packets);
        Counter("softswitch_worker_dropped_packets_total", "Packets that ended in this worker's hands, by reason.", one =>
        {
            foreach (WorkerReport worker in one.Workers)
            {
                AppendReasons(worker.Drops, Labels(worker));
            }
        });
    }

    private void AppendTables()
    {
        static (string, string)[] Name(TableReport table) => [("table", table.Name)];
        Gauge("softswitch_table_entries", "Flow entries.", one => _text.Samples(one.Tables, table => table.Entries, Name));
        Gauge("softswitch_table_entries_limit", "Flow entries there may be.", one => _text.Samples(one.Tables, table => table.Limit, Name));
        Counter("softswitch_table_lookups_total", "Packets looked for.", one => _text.Samples(one.Tables, table => table.Lookups, Name));
        Counter("softswitch_table_matches_total", "Packets found.", one => _text.Samples(one.Tables, table => table.Matches, Name));
        Counter("softswitch_flow_mods_total", "Flow-mods carried out.", one => _text.Samples(one.FlowMods.Done, mods => mods.Value, mods => [("command", mods.Key)]));
        Counter("softswitch_flow_mods_refused_total", "Flow-mods answered with an error.", one => _text.Samples(one.FlowMods.Refused, mods => mods.Value, mods => [("error", mods.Key)]));
    }

    private void AppendControllers()
    {
        // The same target may be configured twice; a sample may not be there twice.
        static IEnumerable<ControllerReport> Of(SwitchReport one) => one.Controllers.Where(controller => !controller.IsPeer).DistinctBy(controller => controller.Name);
        static (string, string)[] Name(ControllerReport controller) => [("controller", controller.Name)];
        Gauge("softswitch_controller_connected", "Whether the controller is connected.", one => _text.Samples(Of(one), controller => controller.State == "connected" ? 1 : 0, Name));
        Gauge("softswitch_controller_latency_seconds", "What the last echo took.", one =>
            _text.Samples(Of(one).Where(controller => controller.LatencySeconds != null), controller => controller.LatencySeconds!.Value, Name));
        Counter("softswitch_controller_requests_total", "Messages on this connection, besides echoes.", one => _text.Samples(Of(one), controller => controller.Requests, Name));
        Gauge("softswitch_connections", "OpenFlow connections that are open, of tools too.", one => _text.Sample(one.Connections.Open));
        Counter("softswitch_connections_established_total", "OpenFlow connections that ever were.", one => _text.Sample(one.Connections.Established));
        Counter("softswitch_connections_refused_total", "OpenFlow connections refused, or given up for others.", one => _text.Sample(one.Connections.Refused));
        Counter("softswitch_packet_ins_total", "Packets delivered to controllers, or to the program the switch runs in.", one => _text.Sample(one.PacketIns.Delivered));
        Counter("softswitch_packet_ins_dropped_total", "Packets for controllers that were lost: to the rate limit, to a full queue, to a controller that reads too slowly.", one =>
            _text.Sample(one.PacketIns.DroppedByLimit, ("by", "limit")).Sample(one.PacketIns.DroppedByQueue, ("by", "queue")).Sample(one.PacketIns.DroppedByReaders, ("by", "reader")));
    }

    private void AppendCards()
    {
        static (string, string)[] Name(CardSummary card) => [("card", card.Name)];
        Gauge("softswitch_card_forwards", "Whether the card forwards by flow entries at the moment.", one => _text.Samples(one.Cards, card => card.IdleReason == null ? 1 : 0, Name));
        Gauge("softswitch_card_wildcard_rows_used", "Rows taken of the card's wildcard table.", one => _text.Samples(one.Cards, card => card.RowsUsed, Name));
        Gauge("softswitch_card_exact_slots_used", "Slots taken of the card's exact table.", one => _text.Samples(one.Cards, card => card.SlotsUsed, Name));
    }

    /// <summary>The pool of frames is one for all switches.</summary>
    private void AppendMemory()
    {
        _text.Gauge("softswitch_frames", "Frames in the pool.").Sample(_process.Frames);
        _text.Gauge("softswitch_frames_free", "Frames in the pool that are not in use.").Sample(_process.FreeFrames);
        Gauge("softswitch_buffers", "Places for packets that wait for a controller's word.", one => _text.Sample(one.Memory.Buffers));
        Gauge("softswitch_buffers_used", "Of these places, taken.", one => _text.Sample(one.Memory.UsedBuffers));
        Gauge("softswitch_action_list_bytes", "Memory of action lists in use.", one => _text.Sample(one.Memory.ActionListBytes));
        Gauge("softswitch_action_list_limit_bytes", "Memory of action lists there may be.", one => _text.Sample(one.Memory.ActionListLimitBytes));
    }

    private void AppendProcess()
    {
        ProcessReport process = _process.Process;
        _text.Counter("process_cpu_seconds_total", "Processor time of all threads.").Sample(process.ProcessorSeconds);
        _text.Gauge("process_resident_memory_bytes", "Resident memory.").Sample(process.ResidentBytes);
        _text.Gauge("process_start_time_seconds", "Start of the switch, since the epoch.")
            .Sample(Math.Round((_process.Time.ToUnixTimeMilliseconds() / 1000.0) - _process.UptimeSeconds, 1));
        _text.Gauge("process_open_fds", "Open file descriptors.").Sample(process.OpenFiles);
        _text.Gauge("process_threads", "Threads.").Sample(process.Threads);
        _text.Gauge("dotnet_managed_heap_bytes", "Of the garbage collector's heap.").Sample(process.ManagedBytes);
        _text.Counter("dotnet_collections_total", "Garbage collections.").Sample(process.Collections);
    }

    private void Gauge(string name, string help, Action<SwitchReport> sample)
    {
        _text.Gauge(name, help);
        Each(sample);
    }

    private void Counter(string name, string help, Action<SwitchReport> sample)
    {
        _text.Counter(name, help);
        Each(sample);
    }

    private void Each(Action<SwitchReport> sample)
    {
        foreach (SwitchReport one in _switches)
        {
            _text.Switch = _areLabelled ? one.Name : null;
            sample(one);
        }
        _text.Switch = null;
    }

    private void AppendReasons(IReadOnlyDictionary<string, long> drops, params (string Name, string Value)[] labels)
    {
        foreach ((string reason, long packets) in drops)
        {
            _text.Sample(packets, [.. labels, ("reason", reason)]);
        }
    }

    private static (string Name, string Value)[] Labels(PortReport port) => [("port", port.Label), ("name", port.Name)];

    private static (string Name, string Value)[] Labels(AccountRowReport row) => [("kind", row.Kind), ("port", $"{row.Port}"), ("name", row.Name)];

    private static (string Name, string Value)[] Labels(WorkerReport worker) => [("worker", $"{worker.Id}")];
}
