namespace Softswitch.Datapath.SpanningTree;

/// <content>The elements of procedure, IEEE 802.1D-1998 §8.6.</content>
internal sealed partial class SpanningTreeBridge
{
    /// <summary>§8.6.1: at most one configuration per hold time; what comes sooner is sent when that is over.</summary>
    private void SendConfiguration(BridgePort port)
    {
        if (port.Hold.IsRunning)
        {
            port.IsConfigurationPending = true;
            return;
        }
        int age = RootPort == null ? 0 : RootPort.MessageAge.Value(_now) + BridgeTimes.AgeIncrement;
        if (age >= _times.MaxAge)
        {
            return;
        }
        BridgePriority claim = new(Root, RootPathCost, Id, port.Id);
        Bpdu bpdu = new(false, claim, age, _times, _isTopologyChange, port.AcknowledgesChange);
        port.AcknowledgesChange = false;
        port.IsConfigurationPending = false;
        port.Hold.Start(_now);
        _output.Send(port, bpdu);
    }

    /// <summary>§8.6.2.2: whether the claim is better than what this port knows, or the same speaker's again.</summary>
    private bool Supersedes(in BridgePriority claim, BridgePort port)
    {
        BridgePriority known = port.Designated;
        int order = claim.Root.CompareTo(known.Root);
        order = order != 0 ? order : claim.Cost.CompareTo(known.Cost);
        order = order != 0 ? order : claim.Bridge.CompareTo(known.Bridge);
        return order < 0 || (order == 0 && (claim.Bridge != Id || claim.Port <= known.Port));
    }

    /// <summary>§8.6.4.</summary>
    private void GenerateConfigurations()
    {
        foreach (BridgePort port in _ports)
        {
            if (port.IsEnabled && IsDesignated(port))
            {
                SendConfiguration(port);
            }
        }
    }

    /// <summary>§8.6.6: tells the bridge nearer to the root that the topology changed.</summary>
    private void SendChangeNotice()
    {
        if (RootPort != null)
        {
            _output.Send(RootPort, new Bpdu { IsChangeNotice = true });
        }
    }

    /// <summary>§8.6.7.</summary>
    private void UpdateConfiguration()
    {
        SelectRoot();
        SelectDesignatedPorts();
    }

    /// <summary>§8.6.8: selects the best root that any port has heard of, and the best path to it.</summary>
    private void SelectRoot()
    {
        BridgePort? best = null;
        foreach (BridgePort port in _ports)
        {
            bool isCandidate = port.IsEnabled && !IsDesignated(port) && port.Designated.Root < Id;
            if (isCandidate && (best == null || port.RootPath.CompareTo(best.RootPath) < 0))
            {
                best = port;
            }
        }
        RootPort = best;
        Root = best?.Designated.Root ?? Id;
        RootPathCost = best?.RootPath.Claim.Cost ?? 0;
    }

    /// <summary>§8.6.9: the bridge becomes designated on each segment where its claim is better than all claims heard.</summary>
    private void SelectDesignatedPorts()
    {
        foreach (BridgePort port in _ports)
        {
            BridgePriority own = new(Root, RootPathCost, Id, port.Id);
            if (IsDesignated(port) || port.Designated.Root != Root || own <= port.Designated)
            {
                BecomeDesignated(port);
            }
        }
    }

    /// <summary>§8.6.10.</summary>
    private void BecomeDesignated(BridgePort port) => port.Designated = new BridgePriority(Root, RootPathCost, Id, port.Id);

    /// <summary>§8.6.11.</summary>
    private void SelectPortStates()
    {
        foreach (BridgePort port in _ports)
        {
            bool isDesignated = IsDesignated(port);
            if (isDesignated)
            {
                port.MessageAge.Stop();
            }
            else
            {
                port.IsConfigurationPending = false;
                port.AcknowledgesChange = false;
            }
            if (isDesignated || port == RootPort)
            {
                MakeForwarding(port);
            }
            else
            {
                MakeBlocking(port);
            }
        }
    }

    /// <summary>§8.6.12: by way of listening and learning.</summary>
    private void MakeForwarding(BridgePort port)
    {
        if (port.State == BridgePortState.Blocking)
        {
            SetState(port, BridgePortState.Listening);
            port.ForwardDelay.Start(_now);
        }
    }

    /// <summary>§8.6.13.</summary>
    private void MakeBlocking(BridgePort port)
    {
        if (port.State is BridgePortState.Disabled or BridgePortState.Blocking)
        {
            return;
        }
        bool knewStations = port.State is BridgePortState.Learning or BridgePortState.Forwarding;
        SetState(port, BridgePortState.Blocking);
        port.ForwardDelay.Stop();
        if (knewStations)
        {
            DetectTopologyChange();
        }
    }

    /// <summary>§8.6.14: the root tells all bridges; another bridge tells the root, until it gets an acknowledgement.</summary>
    private void DetectTopologyChange()
    {
        if (IsRoot)
        {
            SetTopologyChange(true);
            _topologyChange.Start(_now);
        }
        else if (!_isChangeDetected)
        {
            SendChangeNotice();
            _changeNotice.Start(_now);
        }
        _isChangeDetected = true;
    }

    /// <summary>§8.6.16.</summary>
    private void AcknowledgeChange(BridgePort port)
    {
        port.AcknowledgesChange = true;
        SendConfiguration(port);
    }

    /// <summary>The second part of §8.7.4 and §8.8.3: no better bridge is left.</summary>
    private void BecomeRoot()
    {
        _times = _ownTimes;
        DetectTopologyChange();
        _changeNotice.Stop();
        GenerateConfigurations();
        _hello.Start(_now);
    }

    private void SetTopologyChange(bool active)
    {
        if (_isTopologyChange != active)
        {
            _isTopologyChange = active;
            _output.OnTopologyChange(active);
        }
    }

    private void SetState(BridgePort port, BridgePortState state)
    {
        if (port.State != state)
        {
            port.State = state;
            _output.OnStateChanged(port);
        }
    }
}
