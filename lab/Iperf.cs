namespace Softswitch.Lab;

/// <summary>A transfer by iperf3(1) from one node to another.</summary>
internal static class Iperf
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <param name="address">The server's, as the client calls it.</param>
    /// <param name="options">Of the client, such as -R.</param>
    /// <returns>What the client said.</returns>
    /// <exception cref="InvalidOperationException">It failed.</exception>
    /// <exception cref="TimeoutException">It did not come to an end within a minute.</exception>
    public static string Run(LabNode client, LabNode server, string address, params string[] options)
    {
        using RunningCommand listening = server.Start("iperf3", "-s", "-1", "--forceflush");
        listening.WaitForText("Server listening", StartPatience);
        return client.Execute(Limit, "iperf3", ["-c", address, .. options]).Checked().Output;
    }
}
