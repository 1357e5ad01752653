namespace Softswitch.Lab.Machines;

/// <summary>Virtual machines of a lab.</summary>
internal static class TestbedMachines
{
    /// <summary>A cable from a virtual machine to a port of a switch: one of the places where the machine may be.</summary>
    /// <param name="options">Of the port, as behind <c>--port</c>.</param>
    public static void Connect(this Testbed lab, LabMachine machine, LabSwitch device, ushort port, string options = "")
    {
        string kind = machine.Connect(device, port);
        device.AddPort($"{port}={kind}{(options.Length == 0 ? string.Empty : $",{options}")}");
        lab.Draw(new LabCable(machine, device, "eth0", $"{port}"));
    }

    /// <summary>Boots the machines there are, one after the other; their switches run.</summary>
    /// <exception cref="TestbedException">One does not boot.</exception>
    public static void StartMachines(this Testbed lab)
    {
        foreach (LabMachine machine in lab.Nodes.OfType<LabMachine>())
        {
            machine.Start();
        }
    }
}
