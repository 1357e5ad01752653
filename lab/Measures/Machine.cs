using System.Globalization;
using System.Runtime.InteropServices;

namespace Softswitch.Lab.Measures;

/// <summary>Where a figure was measured, and how busy it was there.</summary>
internal static class Machine
{
    public static string Processor { get; } = Find("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString();

    public static string Kernel { get; } = ReadLine("/proc/sys/kernel/osrelease");

    /// <summary>The processors' clock as the system knows it, in GHz; 0 where it does not say.</summary>
    public static double Gigahertz { get; } = double.TryParse(Find("/proc/cpuinfo", "cpu MHz"), CultureInfo.InvariantCulture, out double megahertz) ? megahertz / 1000 : 0;

    public static void Describe(BenchResult result)
    {
        result.Add("cpu", Processor);
        result.Add("cores", Environment.ProcessorCount);
        result.Add("kernel", Kernel);
        result.Add("runtime", RuntimeInformation.FrameworkDescription);
        // Above the number of cores others were running too, and the figures are of what was left.
        result.Add("loadAverage", LoadAverage, 2);
    }

    /// <summary>Threads that ran or waited for a processor, over the last minute.</summary>
    public static double LoadAverage => double.TryParse(ReadLine("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture, out double load) ? load : 0;

    /// <summary>Memory of this process in RAM, in bytes; 0 where the kernel does not say.</summary>
    public static long ResidentBytes => ResidentBytesOf(Environment.ProcessId);

    /// <summary>Memory of a process in RAM, huge pages among it, in bytes; 0 where the kernel does not say.</summary>
    public static long ResidentBytesOf(int process)
    {
        string file = $"/proc/{process.ToString(CultureInfo.InvariantCulture)}/status";
        return Read("VmRSS") + Read("HugetlbPages"); // proc_pid_status(5): the one does not count the other

        long Read(string name) => Find(file, name) is { } text && long.TryParse(text.Split(' ')[0], CultureInfo.InvariantCulture, out long kib) ? kib * 1024 : 0;
    }

    /// <summary>Time a hypervisor gave to others while this machine wanted to run, over all cores, in milliseconds since boot.</summary>
    public static long StolenMilliseconds => 10 * ReadHundredths(8);

    /// <summary>Time that all cores spent on programs, in seconds since boot.</summary>
    /// <remarks>
    /// Where the kernel takes no time of interrupts (CONFIG_IRQ_TIME_ACCOUNTING, which /proc/pressure/irq tells), a program's own time has those
    /// that interrupted it in it. So they are in this too, or others' would seem less than they are.
    /// </remarks>
    public static double BusySeconds =>
        (ReadHundredths(1) + ReadHundredths(2) + ReadHundredths(3) + (HasInterruptTime ? 0 : ReadHundredths(6) + ReadHundredths(7))) / 100.0;

    private static bool HasInterruptTime { get; } = File.Exists("/proc/pressure/irq");

    /// <summary>A line of /proc/meminfo, in its unit; 0 where the kernel does not say.</summary>
    public static long ReadMemory(string name) =>
        Find("/proc/meminfo", $"{name}:") is { } text && long.TryParse(text.Split(' ')[0], CultureInfo.InvariantCulture, out long value) ? value : 0;

    // proc(5): user nice system idle iowait irq softirq steal, in hundredths of a second
    private static long ReadHundredths(int field)
    {
        string[] fields = ReadLine("/proc/stat").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > field && long.TryParse(fields[field], CultureInfo.InvariantCulture, out long hundredths) ? hundredths : 0;
    }

    private static string? Find(string file, string name)
    {
        try
        {
            string? line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
            return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static string ReadLine(string file)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault() ?? string.Empty;
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }
}
